"""What is wrong with a node's static pods: what was seen of files, processes and the runtime in, findings out.

Pure: everything that was looked at comes as values, from whichever edge looked (`survey`, `cli`), and nothing of it is
believed for its name alone. No agent is needed; what a kubelet makes of files is the measure, for most nodes run one.
Findings name fields, files and lines, never the values of environments or headers.
"""

"""What should be and what is, as frozen values: desired pods, observed pods, probe results, history.

Plain values and pure folds over them. No clock, network, file or log; knows the manifest room and below.
"""

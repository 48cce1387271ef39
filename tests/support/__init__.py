"""What tests of several rooms share: images, network namespaces and nodes, all made on this machine."""

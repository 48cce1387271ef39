"""What every runtime must keep to: one suite on the simulator, on the simulator behind gRPC, and on containerd."""

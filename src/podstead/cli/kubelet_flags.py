"""The kubelet's flags, 1.18 to 1.36, that mean nothing here: accepted, listed once at start, and not used.

Source: the kubelet's own help (spec: names and types). Flags that do mean something here stand in `run_flags`.
"""

UNUSED_BOOLEAN_FLAGS = frozenset(
    """
    add-dir-header allow-privileged alsologtostderr anonymous-auth authentication-token-webhook cgroups-per-qos
    containerized contention-profiling cpu-cfs-quota docker-only docker-tls enable-cadvisor-json-endpoints
    enable-controller-attach-detach enable-debugging-handlers enable-load-reader enable-server
    exit-on-lock-contention experimental-allocatable-ignore-eviction
    experimental-check-node-capabilities-before-mount experimental-dockershim experimental-fail-swap-on
    experimental-kernel-memcg-notification experimental-logging-sanitization fail-cgroupv1 fail-swap-on
    keep-terminated-pod-volumes kernel-memcg-notification local-storage-capacity-isolation log-cadvisor-usage
    log-text-split-stream logtostderr make-iptables-util-chains one-output protect-kernel-defaults
    really-crash-for-testing redirect-container-streaming register-node register-schedulable
    register-with-taints require-kubeconfig rotate-certificates rotate-server-certificates runonce
    serialize-image-pulls skip-headers skip-log-headers storage-driver-secure
    """.split()
)
"""Given bare or with `=true` / `=false`."""

UNUSED_VALUE_FLAGS = frozenset(
    """
    address application-metrics-count-limit authentication-token-webhook-cache-ttl authorization-mode
    authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl
    azure-container-registry-config boot-id-file bootstrap-checkpoint-path bootstrap-kubeconfig cadvisor-port
    cert-dir cgroup-root chaos-chance client-ca-file cloud-config cloud-provider cni-bin-dir
    cni-cache-dir cni-conf-dir config-dir container-hints
    container-runtime containerd containerd-namespace cpu-cfs-quota-period cpu-manager-policy
    cpu-manager-policy-options cpu-manager-reconcile-period docker docker-endpoint docker-env-metadata-whitelist
    docker-root docker-tls-ca docker-tls-cert docker-tls-key dynamic-config-dir enforce-node-allocatable
    event-burst event-qps event-storage-age-limit event-storage-event-limit
    experimental-bootstrap-kubeconfig experimental-dockershim-root-directory
    experimental-mounter-path experimental-qos-reserved feature-gates global-housekeeping-interval hairpin-mode
    healthz-bind-address healthz-port host-ipc-sources host-network-sources host-pid-sources
    housekeeping-interval image-credential-provider-bin-dir
    image-credential-provider-config image-pull-progress-deadline
    image-service-endpoint kube-api-burst kube-api-content-type kube-api-qps kube-reserved kube-reserved-cgroup
    kubeconfig kubelet-cgroups lock-file log-backtrace-at log-dir log-file log-file-max-size log-flush-frequency
    log-text-info-buffer-size logging-format machine-id-file
    master-service-namespace max-housekeeping-interval max-open-files maximum-dead-containers
    maximum-dead-containers-per-container memory-manager-policy minimum-container-ttl-duration
    network-plugin network-plugin-mtu node-status-max-images
    node-status-update-frequency non-masquerade-cidr oom-score-adj pods-per-core port port-range
    provider-id qos-reserved read-only-port registry-burst registry-qps reserved-cpus reserved-memory
    runtime-cgroups stderrthreshold storage-driver-buffer-duration
    storage-driver-db storage-driver-host storage-driver-password storage-driver-table storage-driver-user
    streaming-connection-idle-timeout sync-frequency system-cgroups system-reserved system-reserved-cgroup
    tls-cert-file tls-cipher-suites tls-min-version tls-private-key-file topology-manager-policy
    topology-manager-policy-options topology-manager-scope vmodule volume-plugin-dir volume-stats-agg-period
    """.split()
)
"""Given with a value, after a blank or `=`."""

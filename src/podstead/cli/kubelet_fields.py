"""The fields of kubelet.config.k8s.io/v1beta1 KubeletConfiguration, 1.18 to 1.36 (source: its type's JSON names)."""

USED_FIELDS = frozenset(
    """
    allowedUnsafeSysctls cgroupDriver clusterDNS clusterDomain containerLogMaxFiles containerLogMaxSize
    containerLogMonitorInterval containerRuntimeEndpoint crashLoopBackOff evictionHard evictionMaxPodGracePeriod
    evictionMinimumReclaim evictionPressureTransitionPeriod evictionSoft evictionSoftGracePeriod fileCheckFrequency
    httpCheckFrequency imageGCHighThresholdPercent imageGCLowThresholdPercent imageMaximumGCAge imageMinimumGCAge
    maxParallelImagePulls maxPods mergeDefaultEvictionSettings podCIDR podLogsDir podPidsLimit resolvConf
    runtimeRequestTimeout
    seccompDefault shutdownGracePeriod shutdownGracePeriodByPodPriority shutdownGracePeriodCriticalPods
    singleProcessOOMKill staticPodPath staticPodURL staticPodURLHeader
    """.split()  # noqa: SIM905 - a table of names reads better as running text
)
"""What concerns a node of static pods; read by `kubelet_configuration`."""

UNUSED_FIELDS = frozenset(
    """
    address authentication authorization cgroupRoot cgroupsPerQOS
    configMapAndSecretChangeDetectionStrategy containerLogMaxWorkers
    contentType cpuCFSQuota cpuCFSQuotaPeriod cpuManagerPolicy cpuManagerPolicyOptions
    cpuManagerReconcilePeriod enableContentionProfiling enableControllerAttachDetach enableDebugFlagsHandler
    enableDebuggingHandlers enableProfilingHandler enableServer enableSystemLogHandler enableSystemLogQuery
    enforceNodeAllocatable eventBurst eventRecordQPS
    failCgroupV1 failSwapOn featureGates
    hairpinMode healthzBindAddress healthzPort
    imagePullCredentialsVerificationPolicy
    imageServiceEndpoint iptablesDropBit iptablesMasqueradeBit kernelMemcgNotification kubeAPIBurst kubeAPIQPS
    kubeReserved kubeReservedCgroup kubeletCgroups localStorageCapacityIsolation logging makeIPTablesUtilChains
    maxOpenFiles memoryManagerPolicy memorySwap memoryThrottlingFactor
    nodeLeaseDurationSeconds nodeStatusMaxImages nodeStatusReportFrequency nodeStatusUpdateFrequency oomScoreAdj
    podsPerCore port preloadedImagesVerificationAllowlist protectKernelDefaults providerID qosReserved
    readOnlyPort registerNode registerWithTaints registryBurst registryPullQPS reservedMemory reservedSystemCPUs
    rotateCertificates runOnce serializeImagePulls serverTLSBootstrap showHiddenMetricsForVersion
    streamingConnectionIdleTimeout syncFrequency systemCgroups systemReserved
    systemReservedCgroup tlsCertFile tlsCipherSuites tlsMinVersion tlsPrivateKeyFile topologyManagerPolicy
    topologyManagerPolicyOptions topologyManagerScope tracing userNamespaces volumePluginDir volumeStatsAggPeriod
    """.split()  # noqa: SIM905 - a table of names reads better as running text
)
"""Accepted, listed once at start, and not used."""

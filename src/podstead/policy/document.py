"""The form of a policy file, field by field; `read` says what the values may be.

Annotations are evaluated here, as in the generated model of Kubernetes: the decoder reads the shape from them.
"""

from msgspec import Struct


class PolicyOverride(Struct, frozen=True, kw_only=True, rename="camel"):
    """Another level for the pods that these patterns name."""

    pods: tuple[str, ...]
    level: str
    version: str | None = None
    digests: tuple[str, ...] = ()
    reason: str | None = None


class PolicyPodSecurity(Struct, frozen=True, kw_only=True, rename="camel"):
    """The level of the Pod Security Standards that holds for every pod without an override."""

    level: str
    version: str | None = None
    overrides: tuple[PolicyOverride, ...] = ()


class PolicyExemption(Struct, frozen=True, kw_only=True, rename="camel"):
    """What one pod may do although a control forbids it: which, who, why, until when."""

    name: str
    controls: tuple[str, ...]
    pods: tuple[str, ...]
    reason: str
    until: str
    values: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    owner: str | None = None


class PolicyExpression(Struct, frozen=True, kw_only=True, rename="camel"):
    """A named CEL expression: a match condition or a variable."""

    name: str
    expression: str


class PolicyValidation(Struct, frozen=True, kw_only=True, rename="camel"):
    """What must be true of a pod."""

    expression: str
    message: str | None = None
    message_expression: str | None = None
    reason: str | None = None


class PolicyAuditAnnotation(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a rule adds to the record of a verdict."""

    key: str
    value_expression: str


class PolicyRule(Struct, frozen=True, kw_only=True, rename="camel"):
    """Rules of one purpose, in the form of a ValidatingAdmissionPolicy's spec."""

    name: str
    match_conditions: tuple[PolicyExpression, ...] = ()
    variables: tuple[PolicyExpression, ...] = ()
    validations: tuple[PolicyValidation, ...] = ()
    audit_annotations: tuple[PolicyAuditAnnotation, ...] = ()
    failure_policy: str | None = None
    validation_actions: tuple[str, ...] = ()


class PolicyImages(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where images may come from."""

    registries: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    require_digest: bool | None = None


class PolicyHostPath(Struct, frozen=True, kw_only=True, rename="camel"):
    """A directory of the node below which pods may mount."""

    prefix: str
    read_only: bool | None = None


class PolicyPriority(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who may use a class whose pods preempt others."""

    classes: tuple[str, ...]
    pods: tuple[str, ...]
    digests: tuple[str, ...] = ()


class PolicySigner(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which pods these principals may sign for."""

    principals: tuple[str, ...]
    pods: tuple[str, ...]


class NodePolicy(Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole file."""

    api_version: str
    kind: str
    name: str | None = None
    pod_security: PolicyPodSecurity | None = None
    exemptions: tuple[PolicyExemption, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    images: PolicyImages | None = None
    host_paths: tuple[PolicyHostPath, ...] | None = None
    priorities: tuple[PolicyPriority, ...] = ()
    signers: tuple[PolicySigner, ...] = ()

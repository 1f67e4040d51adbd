//! What people are told of a pod while it lives.

/// Something that happened to a pod, or to one of its containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The pod's id.
    pub pod: String,
    /// Empty: it is about the pod.
    pub container: String,
    pub is_warning: bool,
    /// One word, as events have it: `Pulled`, `Unhealthy`, `BackOff`.
    pub reason: &'static str,
    pub message: String,
}

impl Notice {
    pub fn normal(pod: &str, container: &str, reason: &'static str, message: String) -> Self {
        Self {
            pod: pod.to_owned(),
            container: container.to_owned(),
            is_warning: false,
            reason,
            message,
        }
    }

    pub fn warning(pod: &str, container: &str, reason: &'static str, message: String) -> Self {
        Self {
            is_warning: true,
            ..Self::normal(pod, container, reason, message)
        }
    }
}

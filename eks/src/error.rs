//! What can go wrong, in the words of EKS's API.
use wharf_storage::Error as StoreError;

/// An error of an operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that the caller can do something about.
    #[error(transparent)]
    Refused(Box<Refusal>),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cluster does not run as it should.
    #[error("a cluster cannot be run")]
    Running(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Which of the model's errors it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    BadRequest,
    Client,
    InvalidParameter,
    InvalidRequest,
    InvalidState,
    NotFound,
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
}

/// What a refusal is about: members of the model's errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub cluster: Option<String>,
    pub nodegroup: Option<String>,
    pub fargate_profile: Option<String>,
    pub addon: Option<String>,
    pub subscription: Option<String>,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub kind: Kind,
    pub message: String,
    pub about: About,
}

impl Error {
    pub(crate) fn running(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Running(Box::new(source))
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self::Refused(Box::new(Refusal {
            kind,
            message: message.into(),
            about: About::default(),
        }))
    }

    /// What is asked for is malformed: `InvalidParameterException`.
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidParameter, message)
    }

    /// What is asked for cannot be done as things are: `InvalidRequestException`.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, message)
    }

    /// `InvalidStateException`.
    pub fn invalid_state(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidState, message)
    }

    /// `ResourceInUseException`: it exists already, or something else needs it.
    pub fn in_use(message: impl Into<String>) -> Self {
        Self::new(Kind::ResourceInUse, message)
    }

    /// `ResourceLimitExceededException`.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(Kind::ResourceLimitExceeded, message)
    }

    /// `ResourceNotFoundException`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::ResourceNotFound, message)
    }

    /// What operations on tags say of an ARN that is none: `BadRequestException`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    /// What operations on tags say of a resource that is not there: `NotFoundException`.
    pub fn no_resource(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    fn with(mut self, change: impl FnOnce(&mut About)) -> Self {
        if let Self::Refused(refusal) = &mut self {
            change(&mut refusal.about);
        }
        self
    }

    /// Names the cluster that it is about.
    #[must_use]
    pub fn cluster(self, name: &str) -> Self {
        self.with(|about| about.cluster = Some(name.to_owned()))
    }

    /// Names the node group that it is about.
    #[must_use]
    pub fn nodegroup(self, name: &str) -> Self {
        self.with(|about| about.nodegroup = Some(name.to_owned()))
    }

    /// Names the Fargate profile that it is about.
    #[must_use]
    pub fn fargate_profile(self, name: &str) -> Self {
        self.with(|about| about.fargate_profile = Some(name.to_owned()))
    }

    /// Names the add-on that it is about.
    #[must_use]
    pub fn addon(self, name: &str) -> Self {
        self.with(|about| about.addon = Some(name.to_owned()))
    }

    /// Names the subscription that it is about.
    #[must_use]
    pub fn subscription(self, id: &str) -> Self {
        self.with(|about| about.subscription = Some(id.to_owned()))
    }
}

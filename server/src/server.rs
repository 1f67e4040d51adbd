//! A running server: opened, wired together, and stopped in good order.
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use wharf_auth::SigningKey;
use wharf_aws::{Auth, Gate, Names, UriStyle};
use wharf_eks::running::Clusters;
use wharf_registry::{
    Bodies, Cx, References,
    pull_through::{self, Secrets, Upstreams},
};
use wharf_runtime::Engines;
use wharf_storage::{DataDir, Options, S3Settings, Store};
use wharf_types::{Clock, Registry, chain};

use crate::{
    admin,
    app::App,
    chores,
    config::{self, Config},
    engines,
    guard::Guard,
    images::Images,
    keys,
    kubernetes::{self, Ports},
    listen::{self, Limits, Tls, TlsError},
    pods, secrets,
    telemetry::Metrics,
};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory is in use, damaged or not ours.
    #[error(transparent)]
    Data(wharf_storage::Error),
    #[error("cannot listen on {address}")]
    Listen {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("TLS cannot be set up")]
    Tls(#[source] TlsError),
    #[error("{0}")]
    Config(String),
    #[error(transparent)]
    Other(anyhow::Error),
}

/// A server that is ready.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    data_dir: PathBuf,
    ca_pem: String,
    store: Store,
    clusters: Clusters,
    ports: Ports,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    chores: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens everything and begins to serve.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        listen::raise_open_files();
        let metrics = Metrics::install().map_err(StartError::Other)?;
        let data_dir = DataDir::lock(&config.data_dir).map_err(StartError::Data)?;
        let auth = keys::callers(&config).map_err(StartError::Config)?;
        check_reset(&config)?;
        let upstreams = upstreams(&config)?;
        let guard = Guard::new(&config.public_hosts);
        // The first random numbers of the TLS library take as long as opening a new store.
        let own = own_secrets(data_dir.clone(), guard.clone(), clock.clone());
        let store = Store::open(options(&config, data_dir, clock))
            .await
            .map_err(StartError::Data)?;
        let (key, tls) = own.await.map_err(|e| StartError::Other(e.into()))??;
        let listeners = bind(&config.listen)?;
        let addresses = addresses(&listeners);
        let (stop, stopping) = watch::channel(false);
        let domain = domain(&config, store.clone(), key, &auth, upstreams);
        let limits = limits(&config);
        let names = names(&config, &addresses);
        let ca = Some(tls.ca_pem());
        let ports = Ports::new(&config, &addresses, ca, limits.clone(), stopping.clone());
        let access = kubernetes::access(&domain, &guard, &names);
        let engines = engines(&config, &domain, &guard, &addresses).await?;
        let (pods, asking) = mpsc::channel(pods::WAITING);
        let clusters = Clusters::new(Arc::new(ports.clone()), access, engines, pods);
        let (compute, eks) = machines_and_clusters(&config, &store, clusters);
        let gate = Gate {
            domain: domain.clone(),
            compute: compute.clone(),
            eks: eks.clone(),
            auth,
            names,
        };
        // Pods that run already may ask at once.
        let answering = tokio::spawn(pods::run(asking, gate.clone()));
        // Whoever is answered finds all clusters running.
        let resumed = wharf_eks::running::resume(&eks).await;
        resumed.map_err(|e| StartError::Other(e.into()))?;
        let app = App {
            gate,
            guard,
            metrics: metrics.clone(),
            stopping: stopping.clone(),
            allow_reset: config.allow_reset,
        };
        let socket = bind_admin(&config)?;
        let admin = listen::serve_unix(
            socket,
            admin::router(store.clone()),
            limits.clone(),
            stopping.clone(),
        );
        let ca_pem = tls.ca_pem().to_owned();
        let public = listen::serve(listeners, Some(tls), app.router(), limits, stopping);
        let serving = tokio::spawn(serving(public, admin));
        let mut chores = chores::start(&domain, &compute, &eks, &config, metrics);
        chores.push(answering);
        Ok(Self {
            addresses,
            data_dir: config.data_dir,
            ca_pem,
            store,
            clusters: eks.clusters,
            ports,
            stop,
            serving,
            chores,
        })
    }

    /// Where the server listens; port 0 has become a real one.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The certificate that TLS clients are to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// What is stored, for tests that look behind the door.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The clusters that run, for tests that look behind the door.
    pub const fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// Stops accepting, lets requests finish, and closes the store.
    pub async fn stop(self) {
        let Self {
            store,
            clusters,
            ports,
            stop,
            serving,
            chores,
            ..
        } = self;
        stop.send_replace(true);
        ports.closed().await;
        if serving.await.is_err() {
            tracing::error!("the listener panicked");
        }
        for chore in &chores {
            chore.abort();
        }
        // What they hold of the store is let go of before the next server can have the directory.
        for chore in chores {
            drop(chore.await);
        }
        clusters.close_all().await;
        store.close().await;
    }
}

fn addresses(listeners: &[std::net::TcpListener]) -> Vec<SocketAddr> {
    let all = listeners.iter();
    all.filter_map(|listener| listener.local_addr().ok())
        .collect()
}

fn limits(config: &Config) -> Limits {
    Limits {
        drain: config.drain,
        ..Limits::default()
    }
}

async fn serving(
    public: impl Future<Output = io::Result<()>>,
    admin: impl Future<Output = io::Result<()>>,
) {
    if let (Err(error), _) | (_, Err(error)) = tokio::join!(public, admin) {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "a listener failed");
    }
}

fn check_reset(config: &Config) -> Result<(), StartError> {
    if config.allow_reset && config.auth != config::Auth::Local {
        let text = "allow-reset: anyone could clear the state; not with --auth=strict";
        return Err(StartError::Config(text.into()));
    }
    Ok(())
}

fn bind_admin(config: &Config) -> Result<std::os::unix::net::UnixListener, StartError> {
    let path = config.admin_socket();
    listen::bind_unix(&path).map_err(|source| StartError::Listen {
        address: path.display().to_string(),
        source,
    })
}

/// What runs pods.
async fn engines(
    config: &Config,
    domain: &Cx,
    guard: &Guard,
    addresses: &[SocketAddr],
) -> Result<Arc<dyn Engines>, StartError> {
    let images = Images {
        cx: domain.clone(),
        guard: guard.clone(),
        registry: Registry {
            account: config.account.clone(),
            region: config.region.clone(),
        },
        ports: addresses.iter().map(SocketAddr::port).collect(),
    };
    let (choice, folder) = (config.engine, config.data_dir.join("pods"));
    let docker = config.docker.clone();
    let chosen = move || engines::choose(choice, folder, Arc::new(images), docker);
    let chosen = tokio::task::spawn_blocking(chosen).await;
    let chosen = chosen.map_err(|e| StartError::Other(e.into()))?;
    chosen.map_err(StartError::Config)
}

/// Machines, and the clusters that they join.
fn machines_and_clusters(
    config: &Config,
    store: &Store,
    clusters: Clusters,
) -> (wharf_compute::Cx, wharf_eks::Cx) {
    let compute = wharf_compute::Cx::new(
        store.clone(),
        wharf_compute::Settings {
            transition: config.transition_delay,
            ..wharf_compute::Settings::default()
        },
    );
    let settings = wharf_eks::Settings {
        transition: config.transition_delay,
        durable: config.durability == config::Durability::Full,
    };
    let eks = wharf_eks::Cx::new(store.clone(), compute.clone(), clusters, settings);
    (compute, eks)
}

/// Reads or makes the signing key and the CA, on a thread of their own.
fn own_secrets(
    data_dir: DataDir,
    guard: Guard,
    clock: Clock,
) -> JoinHandle<Result<(SigningKey, Tls), StartError>> {
    tokio::task::spawn_blocking(move || {
        let tls = Tls::open(data_dir.path(), guard, clock).map_err(StartError::Tls)?;
        let key = keys::load(data_dir.path()).map_err(|e| StartError::Config(chain(&e)))?;
        Ok((key, tls))
    })
}

fn upstreams(config: &Config) -> Result<Upstreams, StartError> {
    let secrets = match &config.secrets {
        None => Secrets::default(),
        Some(path) => secrets::load(path)
            .map_err(|problem| StartError::Config(format!("secrets: {problem}")))?,
    };
    Ok(Upstreams::new(pull_through::Options {
        anywhere: config.upstream_allow.clone(),
        secrets,
        timeout: config.upstream_timeout,
    }))
}

fn domain(config: &Config, store: Store, key: SigningKey, auth: &Auth, upstreams: Upstreams) -> Cx {
    Cx {
        store,
        key: Arc::new(key),
        bodies: Bodies::default(),
        references: match config.references {
            config::References::Strict => References::Strict,
            config::References::Sparse => References::Sparse,
        },
        create_on_push: config.create_on_push,
        redirect: config.redirect,
        auth: auth.clone(),
        upstreams,
        work: Arc::new(watch::Sender::new(())),
    }
}

fn options(config: &Config, data_dir: DataDir, clock: Clock) -> Options {
    let s3 = match &config.store {
        config::Store::Local => None,
        config::Store::S3(s3) => Some(S3Settings {
            bucket: s3.bucket.clone(),
            prefix: s3.prefix.clone(),
            region: s3.region.clone(),
            endpoint: s3.endpoint.clone(),
            access_key_id: s3.access_key_id.clone(),
            secret_access_key: s3.secret_access_key.reveal().to_owned(),
            allow_http: s3.allow_http,
        }),
    };
    Options {
        data_dir,
        s3,
        durable: config.durability == config::Durability::Full,
        grace: config.gc_grace,
        verify_reads: config.verify_reads,
        clock,
    }
}

/// Opens the store of a configuration without serving, for commands that work on it alone.
pub(crate) async fn open_store(config: &Config) -> Result<Store, StartError> {
    if !config.data_dir.join("wharf.db").is_file() {
        let text = format!("there is no wharf.db in {}", config.data_dir.display());
        return Err(StartError::Data(wharf_storage::Error::Refused(text)));
    }
    let data_dir = DataDir::lock(&config.data_dir).map_err(StartError::Data)?;
    Store::open(options(config, data_dir, Clock::System))
        .await
        .map_err(StartError::Data)
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<std::net::TcpListener>, StartError> {
    let one = |address: &SocketAddr| {
        listen::bind(*address).map_err(|source| StartError::Listen {
            address: address.to_string(),
            source,
        })
    };
    addresses.iter().map(one).collect()
}

fn names(config: &Config, addresses: &[SocketAddr]) -> Names {
    Names {
        style: match config.uri_style {
            config::UriStyle::Localhost => UriStyle::Localhost,
            config::UriStyle::Aws => UriStyle::Aws,
        },
        port: addresses.first().map_or(0, SocketAddr::port),
        default: Registry {
            account: config.account.clone(),
            region: config.region.clone(),
        },
    }
}

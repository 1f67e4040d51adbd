//! `wharf demo`: what runs its pods, and whether it goes on.
use clap::Args;

use super::{EngineChoice, Environment, Error, layers, resolve};

#[derive(Args)]
pub(super) struct DemoFlags {
    /// Go on serving afterwards, until interrupted
    #[arg(long)]
    keep: bool,
    /// Run pods as --engine of wharf serve says [default: auto]
    #[arg(long, value_name = "ENGINE", hide_possible_values = true)]
    engine: Option<EngineChoice>,
}

/// Serve, push, deploy and call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demo {
    /// Whether to go on serving afterwards.
    pub keep: bool,
    /// What runs pods.
    pub engine: EngineChoice,
    /// Where Docker may be.
    pub docker: wharf_docker::Places,
}

impl DemoFlags {
    pub(super) fn complete(self, env: Environment<'_>) -> Result<Demo, Error> {
        let engine = match self.engine {
            Some(engine) => Some(engine),
            None => layers::environment(env)?.engine,
        };
        Ok(Demo {
            keep: self.keep,
            engine: engine.unwrap_or_default(),
            docker: resolve::docker(env),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use super::*;

    fn demo(args: &[&str], engine: Option<&str>) -> Result<Demo, Error> {
        let args = ["wharf", "demo"].iter().chain(args);
        let env = |name: &str| match name {
            "DOCKER_HOST" => Some("tcp://docker:2375".to_owned()),
            "WHARF_ENGINE" => engine.map(str::to_owned),
            _ => None,
        };
        match parse(args, &env)? {
            Command::Demo(demo) => Ok(demo),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_engine_is_that_of_the_flag_or_the_variable_or_what_the_machine_allows() {
        for (args, variable, engine) in [
            (&[][..], None, EngineChoice::Auto),
            (&[], Some("docker"), EngineChoice::Docker),
            (
                &["--engine=simulated"],
                Some("docker"),
                EngineChoice::Simulated,
            ),
        ] {
            let demo = demo(args, variable).unwrap();
            assert_eq!(demo.engine, engine);
            assert_eq!(demo.docker.host.as_deref(), Some("tcp://docker:2375"));
            assert!(!demo.keep);
        }
        assert!(demo(&["--keep"], None).unwrap().keep);
        assert!(demo(&[], Some("moby")).is_err());
    }
}

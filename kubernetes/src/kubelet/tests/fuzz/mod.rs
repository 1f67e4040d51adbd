//! Hostile pods by the hundred, in all the ways that a pod can come, against an engine that records what it
//! is given.
//!
//! The same seed makes the same pods: `WHARF_FUZZ_SEED` and `WHARF_FUZZ_PODS` choose others and more.
mod hostile;
mod recorder;

use std::sync::Mutex;

use hostile::{Dice, HOST, OWNERS, make, of_containers, set};
use recorder::Recorder;
use wharf_runtime::{Capability, PodSpec, VolumeSource};

use super::*;
use crate::fields;

const SEED: u64 = 20_260_101;
const PODS: u64 = 120;

/// What must hold of everything that an engine is given.
fn assert_harmless(spec: &PodSpec) {
    let shown = format!("{spec:?}");
    for word in [HOST, "canary", "docker.sock", "HugePages"] {
        // What a container runs or is told is its own affair, its mounts and volumes are not.
        let volumes = format!("{:?}", spec.volumes);
        assert!(!volumes.contains(word), "{word}: {shown:.400}");
    }
    for volume in &spec.volumes {
        match &volume.source {
            VolumeSource::EmptyDir { .. } | VolumeSource::Files(_) => {}
            VolumeSource::Persistent { id, .. } => assert!(!id.contains(['/', '.']), "{id}"),
        }
    }
    for container in &spec.containers {
        assert!(
            !container.image.starts_with(['-', '.', '/']),
            "{}",
            container.image
        );
        assert!(!container.image.contains(char::is_whitespace));
        let known = |one: &Capability| Capability::ALL.contains(one);
        assert!(container.security.capabilities.iter().all(known));
        for mount in &container.mounts {
            let mounted = format!("{mount:?}");
            assert!(
                !mounted.contains("..") && !mounted.contains("/proc"),
                "{mounted}"
            );
        }
        let of_host =
            |name: &str| std::env::var_os(name).is_some() && name != "ODD" && name != "UP";
        let leaked = container.env.iter().find(|(name, _)| of_host(name));
        assert!(leaked.is_none(), "{leaked:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test that is told its seed")]
fn variable(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().unwrap())
}

async fn recorded() -> (Story, Arc<Recorder>) {
    let mut s = Story::new().await;
    s.tasks.shutdown().await;
    let engine = Arc::new(Recorder {
        pods: Simulated::new(s.test.clock.clone(), Pace::default()),
        specs: Mutex::default(),
    });
    let addresses = MemoryAddresses::new(Ipv4Addr::new(192, 168, 0, 10), 10_000);
    let runtime: Arc<dyn PodRuntime> = Arc::<Recorder>::clone(&engine);
    let (kubelet, tasks) = Kubelet::start(s.test.cluster.clone(), runtime, Arc::new(addresses));
    (
        Story {
            kubelet,
            tasks,
            ..s
        },
        engine,
    )
}

/// A pod as one of the ways of making pods leaves it, after the API took it. None: the API refused it.
async fn submitted(s: &Story, dice: &mut Dice, name: &str, spec: &Value) -> Option<Value> {
    let (cluster, by) = (&s.test.cluster, &s.test.by);
    let labels = json!({ "app": name });
    let mut template = json!({ "metadata": { "labels": labels }, "spec": spec });
    let way = dice.below(OWNERS.len() + 1);
    if let Some((resource, version, kind, pointer)) = OWNERS.get(way) {
        let mut object = json!({
            "apiVersion": version,
            "kind": kind,
            "metadata": { "name": name, "namespace": "default" },
            "spec": {},
        });
        match *kind {
            "Job" | "CronJob" => template["spec"]["restartPolicy"] = "Never".into(),
            _ => object["spec"]["selector"] = json!({ "matchLabels": labels }),
        }
        if *kind == "CronJob" {
            object["spec"]["schedule"] = "* * * * *".into();
        }
        set(&mut object, pointer, template);
        let made = cluster.create(resource, object, by).await.ok()?;
        template = made.value().pointer(pointer).unwrap().clone();
    }
    let mut pod = template;
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = name.into();
    pod["metadata"]["namespace"] = "default".into();
    cluster
        .create("pods", pod, by)
        .await
        .ok()
        .map(|made| made.value())
}

#[tokio::test]
async fn hostile_pods_of_all_kinds_never_come_to_an_engine() {
    let (seed, pods) = (
        variable("WHARF_FUZZ_SEED", SEED),
        variable("WHARF_FUZZ_PODS", PODS),
    );
    println!("{pods} pods of seed {seed}: WHARF_FUZZ_SEED={seed} WHARF_FUZZ_PODS={pods}");
    let (s, engine) = recorded().await;
    let mut dice = Dice(seed);
    let (mut ran, mut refused, mut invalid) = (0, 0, 0);
    for n in 0..pods {
        let name = format!("p{n}");
        let made = make(&mut dice);
        let Some(pod) = submitted(&s, &mut dice, &name, &made.spec).await else {
            assert!(
                made.hostile,
                "the API takes what is harmless: {:#}",
                made.spec
            );
            invalid += 1;
            continue;
        };
        let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
        let seen = s
            .until(&name, |pod| is_running(pod) || !reason(pod).is_empty())
            .await;
        let given = engine
            .specs
            .lock()
            .unwrap()
            .iter()
            .find(|spec| spec.id == uid)
            .cloned();
        if made.hostile {
            assert!(given.is_none(), "seed {seed}, pod {n}: {:#}", made.spec);
            let why = reason(&seen);
            let known = ["CreateContainerConfigError", "InvalidImageName"];
            assert!(known.contains(&why.as_str()), "{why}: {:#}", made.spec);
            let told = s.events(&name, &[event(&why)]).await;
            assert!(told.iter().any(|text| !text.is_empty()), "{told:?}");
            refused += 1;
        } else {
            let spec =
                given.unwrap_or_else(|| panic!("seed {seed}, pod {n} did not run: {seen:#}"));
            assert_harmless(&spec);
            for container in &spec.containers {
                let odd = container.env.iter().find(|(name, _)| name == "ODD");
                assert_eq!(odd.map(|(_, value)| value), Some(&made.odd));
            }
            ran += 1;
            poison_later(&s, &engine, &mut dice, &name).await;
        }
    }
    println!("{ran} ran, {refused} were refused by the kubelet, {invalid} by the API");
    for spec in engine.specs.lock().unwrap().iter() {
        assert_harmless(spec);
    }
    assert!(
        ran * 8 > pods && refused * 4 > pods,
        "the generator is lopsided"
    );
}

type Change = Box<dyn Fn(&mut Value) + Send + Sync>;

/// Changes a pod that runs, as a patch of its image or one more ephemeral container would.
async fn poison_later(s: &Story, engine: &Recorder, dice: &mut Dice, name: &str) {
    let all = of_containers();
    let images: Vec<&Value> = all
        .iter()
        .filter(|one| one.0 == "/image")
        .map(|one| &one.1)
        .collect();
    let (part, change): (_, Change) = if dice.below(2) == 0 {
        let image = (*dice.pick(&images)).clone();
        (
            Part::Main,
            Box::new(move |pod| pod["spec"]["containers"][0]["image"] = image.clone()),
        )
    } else {
        let mut container = json!({ "name": "debug", "image": "busybox" });
        let fitting: Vec<_> = all
            .iter()
            .filter(|one| one.0.starts_with("/securityContext"))
            .collect();
        let (pointer, value) = (*dice.pick(&fitting)).clone();
        set(&mut container, pointer, value);
        let add = move |pod: &mut Value| pod["spec"]["ephemeralContainers"] = json!([container]);
        (Part::EphemeralContainers, Box::new(add))
    };
    let change = |pod: &mut Value| {
        change(pod);
        Ok(())
    };
    let (cluster, by) = (&s.test.cluster, &s.test.by);
    let changed = cluster.modify("pods", "default", name, part, by, change);
    // What the API refuses is refused.
    if changed.await.is_ok() {
        s.until(name, |pod| !reason(pod).is_empty()).await;
    }
    let specs = engine.specs.lock().unwrap();
    let mut containers = specs.iter().flat_map(|spec| &spec.containers);
    assert!(containers.all(|one| one.name != "debug"), "{name}");
}

/// What the first container that waits for a reason waits for.
fn reason(pod: &Value) -> String {
    let lists = [
        "initContainerStatuses",
        "containerStatuses",
        "ephemeralContainerStatuses",
    ];
    let all = lists
        .iter()
        .flat_map(|list| fields::list(&pod["status"], list));
    let reasons = all.map(|one| fields::text(&one["state"]["waiting"], "reason"));
    let mut reasons = reasons.filter(|why| why.contains("Error") || why.contains("Invalid"));
    reasons.next().unwrap_or_default().to_owned()
}

/// The reason of the event that tells of it.
fn event(waiting: &str) -> &'static str {
    match waiting {
        "InvalidImageName" => "InspectFailed",
        _ => "Failed",
    }
}

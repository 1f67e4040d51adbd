//! What the parts of a control plane can be configured with.
use super::{
    super::config::{KubeApiServerConfig, KubeControllerManagerConfig, KubeSchedulerConfig},
    in_range, refused,
};
use crate::{Error, checks};

/// The ports that services can have.
const NODE_PORTS: std::ops::RangeInclusive<i64> = 1024..=65_535;

pub(super) fn components(
    api: Option<&KubeApiServerConfig>,
    scheduler: Option<&KubeSchedulerConfig>,
    manager: Option<&KubeControllerManagerConfig>,
) -> Result<(), Error> {
    if let Some(api) = api {
        if let Some(ttl) = &api.event_ttl {
            duration("eventTtl", ttl)?;
        }
        if let Some(range) = &api.service_node_port_range {
            let (min, max) = (range.min_port.unwrap_or(0), range.max_port.unwrap_or(0));
            if !NODE_PORTS.contains(&min) || !NODE_PORTS.contains(&max) || min > max {
                let text = format!("serviceNodePortRange {min}-{max} is not a range of ports");
                return Err(refused(text));
            }
        }
    }
    let fit = scheduler.and_then(|scheduler| scheduler.node_resources_fit.as_ref());
    if let Some(strategy) = fit.and_then(|fit| fit.scoring_strategy.as_ref()) {
        let resources = strategy.resources.as_deref().unwrap_or_default();
        if resources.len() > 100 {
            return Err(refused(
                "scoringStrategy.resources can have up to 100 entries",
            ));
        }
        for resource in resources {
            let name = resource.name.as_deref().unwrap_or_default();
            checks::length("scoringStrategy.resources.name", name, 1, 253)?;
            in_range("scoringStrategy.resources.weight", resource.weight, 1, 100)?;
        }
    }
    if let Some(manager) = manager {
        if let Some(gc) = &manager.pod_gc_controller_config {
            let threshold = gc.terminated_pod_gc_threshold;
            in_range("terminatedPodGcThreshold", threshold, 1, 1_000_000)?;
        }
        let autoscaler = manager.horizontal_pod_autoscaler_controller_config.as_ref();
        let period = autoscaler.and_then(|a| a.horizontal_pod_autoscaler_sync_period.as_ref());
        period.map_or(Ok(()), |text| {
            duration("horizontalPodAutoscalerSyncPeriod", text)
        })?;
    }
    Ok(())
}

/// A duration of one unit, such as `30m`.
pub(super) fn duration(member: &str, text: &str) -> Result<(), Error> {
    let digits = text.trim_end_matches(['s', 'm', 'h']);
    let number: Option<u32> = digits.parse().ok().filter(|n| *n > 0);
    if number.is_some() && text.len() == digits.len() + 1 {
        return Ok(());
    }
    Err(refused(format!(
        "{member} {text:?} is not a duration such as 30m"
    )))
}

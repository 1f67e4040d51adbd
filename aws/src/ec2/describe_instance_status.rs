//! Says of running instances, or of all, how they are.
use super::{
    describe_instances::{attribute, named},
    filter::{Filter, Filters, page},
    model,
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    instances::{Instance, State},
    network,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeInstanceStatus {
    instance_id: Option<Vec<String>>,
    max_results: Option<i64>,
    next_token: Option<String>,
    _include_managed_resources: Option<bool>,
    _dry_run: Option<bool>,
    filter: Option<Vec<Filter>>,
    include_all_instances: Option<bool>,
}

impl Operation for DescribeInstanceStatus {
    const NAME: &'static str = "DescribeInstanceStatus";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let everything = self.include_all_instances.unwrap_or_default();
        let mut all = named(&cx, self.instance_id.unwrap_or_default()).await?;
        all.retain(|instance| everything || instance.state == State::Running);
        let all = filters.keep(
            all,
            |instance| instance.tags.clone(),
            |instance, name| attribute(&cx, instance, name),
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let key = |one: &Instance| one.id.clone();
        let (all, token) = page(&cx, Self::NAME, asked, (5, 1000), all, key)?;
        let shown: Vec<Value> = all.iter().map(|one| status(&cx, one)).collect();
        Ok(json!({ "instanceStatusSet": shown, "nextToken": token }))
    }
}

fn status(cx: &Cx, instance: &Instance) -> Value {
    let check = if instance.state == State::Running {
        json!({ "status": "ok", "details": [{ "name": "reachability", "status": "passed" }] })
    } else {
        json!({ "status": "not-applicable" })
    };
    json!({
        "instanceId": instance.id,
        "availabilityZone": instance.zone,
        "availabilityZoneId": network::zone_id(&cx.registry.region, &instance.zone),
        "instanceState": model::state(instance.state),
        "systemStatus": check,
        "instanceStatus": check,
    })
}

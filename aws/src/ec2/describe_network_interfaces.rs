//! Lists the network interfaces of instances.
use super::{
    filter::{Filter, Filters, one, page},
    model::{self, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    instances::{self, Instance, State},
    tags::Tags,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeNetworkInterfaces {
    next_token: Option<String>,
    max_results: Option<i64>,
    _include_managed_resources: Option<bool>,
    _dry_run: Option<bool>,
    network_interface_id: Option<Vec<String>>,
    filter: Option<Vec<Filter>>,
}

impl Operation for DescribeNetworkInterfaces {
    const NAME: &'static str = "DescribeNetworkInterfaces";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let all = instances::list(&cx.compute, &cx.registry).await;
        let mut all = all.map_err(refused)?;
        all.retain(|instance| instance.state != State::Terminated);
        let ids = self.network_interface_id.unwrap_or_default();
        let missing = ids
            .iter()
            .find(|id| all.iter().all(|one| one.interface_id() != **id));
        if let Some(id) = missing {
            let text = format!("The networkInterface ID '{id}' does not exist");
            return Err(Exception::client(
                "InvalidNetworkInterfaceID.NotFound",
                text,
            ));
        }
        all.retain(|instance| ids.is_empty() || ids.contains(&instance.interface_id()));
        all.sort_by_key(Instance::interface_id);
        let region = &cx.registry.region;
        let all = filters.keep(
            all,
            |_| Tags::new(),
            |instance, name| match name {
                "network-interface-id" => one(instance.interface_id()),
                "attachment.instance-id" => one(&instance.id),
                "subnet-id" => one(&instance.subnet),
                "vpc-id" => one(model::network(&cx).vpc_id()),
                "availability-zone" => one(&instance.zone),
                "private-ip-address" | "addresses.private-ip-address" => {
                    one(instance.address.to_string())
                }
                "private-dns-name" => one(instance.private_dns_name(region)),
                "group-id" => Some(instance.security_groups.clone()),
                "status" => one("in-use"),
                "attachment.status" => one("attached"),
                "interface-type" => one("interface"),
                "owner-id" => one(cx.registry.account.as_str()),
                "mac-address" => one(model::mac(&instance.interface_id())),
                "description" => one(""),
                _ => None,
            },
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let key = Instance::interface_id;
        let (all, token) = page(&cx, Self::NAME, asked, (5, 1000), all, key)?;
        let shown = all.iter().map(|one| model::listed_interface(&cx, one));
        Ok(json!({ "networkInterfaceSet": shown.collect::<Vec<_>>(), "nextToken": token }))
    }
}

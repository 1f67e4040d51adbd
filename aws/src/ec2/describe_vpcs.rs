//! Shows the default VPC.
use super::{
    filter::{Filter, Filters, one, page},
    model::{self, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::tags;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeVpcs {
    filter: Option<Vec<Filter>>,
    vpc_id: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    _dry_run: Option<bool>,
}

impl Operation for DescribeVpcs {
    const NAME: &'static str = "DescribeVpcs";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let network = model::network(&cx);
        let id = network.vpc_id();
        if let Some(other) = self.vpc_id.iter().flatten().find(|other| **other != id) {
            let text = format!("The vpc ID '{other}' does not exist");
            return Err(Exception::client("InvalidVpcID.NotFound", text));
        }
        let tags = tags::of_many(&cx.compute, &cx.registry, vec![id.clone()]).await;
        let tags = tags.map_err(refused)?.remove(&id).unwrap_or_default();
        let all = filters.keep(
            vec![id],
            |_| tags.clone(),
            |id, name| match name {
                "vpc-id" => one(id),
                "cidr" | "cidr-block" | "cidr-block-association.cidr-block" => {
                    one(network.cidr.to_string())
                }
                "is-default" | "isDefault" => one("true"),
                "state" => one("available"),
                "owner-id" => one(cx.registry.account.as_str()),
                "dhcp-options-id" => one(network.dhcp_options_id()),
                _ => None,
            },
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let (all, token) = page(&cx, Self::NAME, asked, (5, 1000), all, String::clone)?;
        let shown = all.iter().map(|id| {
            json!({
                "vpcId": id,
                "ownerId": cx.registry.account.as_str(),
                "state": "available",
                "cidrBlock": network.cidr.to_string(),
                "cidrBlockAssociationSet": [{
                    "associationId": network.association_id(id),
                    "cidrBlock": network.cidr.to_string(),
                    "cidrBlockState": { "state": "associated" },
                }],
                "dhcpOptionsId": network.dhcp_options_id(),
                "instanceTenancy": "default",
                "isDefault": true,
                "tagSet": model::tag_set(&tags),
            })
        });
        Ok(json!({ "vpcSet": shown.collect::<Vec<_>>(), "nextToken": token }))
    }
}

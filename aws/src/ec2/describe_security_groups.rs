//! Shows the default security group.
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
pub(crate) struct DescribeSecurityGroups {
    group_id: Option<Vec<String>>,
    group_name: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    _dry_run: Option<bool>,
    filter: Option<Vec<Filter>>,
}

impl Operation for DescribeSecurityGroups {
    const NAME: &'static str = "DescribeSecurityGroups";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let network = model::network(&cx);
        let id = network.security_group_id();
        if let Some(other) = self.group_id.iter().flatten().find(|other| **other != id) {
            let text = format!("The security group '{other}' does not exist");
            return Err(Exception::client("InvalidGroup.NotFound", text));
        }
        if let Some(other) = self
            .group_name
            .iter()
            .flatten()
            .find(|name| *name != "default")
        {
            let text = format!("The security group '{other}' does not exist in default VPC");
            return Err(Exception::client("InvalidGroup.NotFound", text));
        }
        let tags = tags::of_many(&cx.compute, &cx.registry, vec![id.clone()]).await;
        let tags = tags.map_err(refused)?.remove(&id).unwrap_or_default();
        let vpc = network.vpc_id();
        let all = filters.keep(
            vec![id],
            |_| tags.clone(),
            |id, name| match name {
                "group-id" => one(id),
                "group-name" => one("default"),
                "vpc-id" => one(&vpc),
                "description" => one("default VPC security group"),
                "owner-id" => one(cx.registry.account.as_str()),
                _ => None,
            },
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let (all, token) = page(&cx, Self::NAME, asked, (5, 1000), all, String::clone)?;
        let (account, region) = (&cx.registry.account, &cx.registry.region);
        let shown = all.iter().map(|id| {
            json!({
                "groupId": id,
                "securityGroupArn": format!("arn:aws:ec2:{region}:{account}:security-group/{id}"),
                "groupName": "default",
                "groupDescription": "default VPC security group",
                "ownerId": account.as_str(),
                "vpcId": vpc,
                "ipPermissions": [{
                    "ipProtocol": "-1",
                    "groups": [{ "groupId": id, "userId": account.as_str() }],
                    "ipRanges": [],
                    "ipv6Ranges": [],
                    "prefixListIds": [],
                }],
                "ipPermissionsEgress": [{
                    "ipProtocol": "-1",
                    "groups": [],
                    "ipRanges": [{ "cidrIp": "0.0.0.0/0" }],
                    "ipv6Ranges": [],
                    "prefixListIds": [],
                }],
                "tagSet": model::tag_set(&tags),
            })
        });
        Ok(json!({ "securityGroupInfo": shown.collect::<Vec<_>>(), "nextToken": token }))
    }
}

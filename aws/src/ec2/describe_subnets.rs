//! Lists the subnets of the default VPC.
use super::{
    filter::{Filter, Filters, one, page},
    model::{self, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    network::{self, Subnet},
    tags::Tags,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeSubnets {
    filter: Option<Vec<Filter>>,
    subnet_id: Option<Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    _dry_run: Option<bool>,
}

impl Operation for DescribeSubnets {
    const NAME: &'static str = "DescribeSubnets";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let found = describe(&cx, self.subnet_id.unwrap_or_default()).await?;
        let vpc = model::network(&cx).vpc_id();
        let found = filters.keep(
            found,
            |(_, _, tags)| tags.clone(),
            |(subnet, free, _), name| match name {
                "subnet-id" => one(&subnet.id),
                "vpc-id" => one(&vpc),
                "availability-zone" | "availabilityZone" => one(&subnet.zone.name),
                "availability-zone-id" | "availabilityZoneId" => one(&subnet.zone.id),
                "cidr-block" | "cidr" | "cidrBlock" => one(subnet.cidr.to_string()),
                "state" => one("available"),
                "default-for-az" | "defaultForAz" => one(subnet.public.to_string()),
                "map-public-ip-on-launch" => one(subnet.public.to_string()),
                "available-ip-address-count" => one(free.to_string()),
                "owner-id" => one(cx.registry.account.as_str()),
                "subnet-arn" => one(arn(&cx, &subnet.id)),
                _ => None,
            },
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let key = |(subnet, _, _): &Described| subnet.id.clone();
        let (found, token) = page(&cx, Self::NAME, asked, (5, 1000), found, key)?;
        let shown = found.iter().map(|(subnet, free, tags)| {
            json!({
                "subnetId": subnet.id,
                "subnetArn": arn(&cx, &subnet.id),
                "state": "available",
                "vpcId": vpc,
                "ownerId": cx.registry.account.as_str(),
                "cidrBlock": subnet.cidr.to_string(),
                "availableIpAddressCount": free,
                "availabilityZone": subnet.zone.name,
                "availabilityZoneId": subnet.zone.id,
                "defaultForAz": subnet.public,
                "mapPublicIpOnLaunch": subnet.public,
                "mapCustomerOwnedIpOnLaunch": false,
                "assignIpv6AddressOnCreation": false,
                "ipv6CidrBlockAssociationSet": [],
                "enableDns64": false,
                "ipv6Native": false,
                "tagSet": model::tag_set(tags),
                "privateDnsNameOptionsOnLaunch": {
                    "hostnameType": "ip-name",
                    "enableResourceNameDnsARecord": false,
                    "enableResourceNameDnsAAAARecord": false,
                },
            })
        });
        Ok(json!({ "subnetSet": shown.collect::<Vec<_>>(), "nextToken": token }))
    }
}

/// A subnet, how many addresses of it are free, and its tags.
pub(super) type Described = (Subnet, u64, Tags);

/// The subnets with ids; without ids, those that there are.
pub(super) async fn describe(cx: &Cx, ids: Vec<String>) -> Result<Vec<Described>, Exception> {
    let found = network::describe(&cx.compute, &cx.registry, ids).await;
    let mut found = found.map_err(refused)?;
    found.sort_by(|(a, ..), (b, ..)| a.id.cmp(&b.id));
    found.dedup_by(|(a, ..), (b, ..)| a.id == b.id);
    Ok(found)
}

fn arn(cx: &Cx, id: &str) -> String {
    let (account, region) = (&cx.registry.account, &cx.registry.region);
    format!("arn:aws:ec2:{region}:{account}:subnet/{id}")
}

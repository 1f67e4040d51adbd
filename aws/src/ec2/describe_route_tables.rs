//! Shows the route tables of the default VPC.
use super::{
    filter::{Filter, Filters, one, page},
    model::{self, refused},
};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::{
    network::Network,
    tags::{self, Tags},
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeRouteTables {
    next_token: Option<String>,
    max_results: Option<i64>,
    _dry_run: Option<bool>,
    route_table_id: Option<Vec<String>>,
    filter: Option<Vec<Filter>>,
}

impl Operation for DescribeRouteTables {
    const NAME: &'static str = "DescribeRouteTables";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let filters = Filters::new(self.filter)?;
        let network = model::network(&cx);
        let mut all: Vec<(String, bool)> = [true, false]
            .map(|public| (network.route_table_id(public), public))
            .into();
        let wanted = self.route_table_id.unwrap_or_default();
        if let Some(id) = wanted
            .iter()
            .find(|id| all.iter().all(|(there, _)| there != *id))
        {
            let text = format!("The routeTable ID '{id}' does not exist");
            return Err(Exception::client("InvalidRouteTableID.NotFound", text));
        }
        all.retain(|(id, _)| wanted.is_empty() || wanted.contains(id));
        all.sort();
        let ids = all.iter().map(|(id, _)| id.clone()).collect();
        let tags = tags::of_many(&cx.compute, &cx.registry, ids).await;
        let tags = tags.map_err(refused)?;
        let all = filters.keep(
            all,
            |(id, _)| tags.get(id).cloned().unwrap_or_default(),
            |(id, public), name| match name {
                "route-table-id" | "association.route-table-id" => one(id),
                "vpc-id" => one(network.vpc_id()),
                "association.main" => one(public.to_string()),
                "association.subnet-id" => {
                    let subnets = network.subnets().into_iter();
                    Some(
                        subnets
                            .filter(|s| s.public == *public)
                            .map(|s| s.id)
                            .collect(),
                    )
                }
                "owner-id" => one(cx.registry.account.as_str()),
                _ => None,
            },
        )?;
        let asked = (self.max_results, self.next_token.as_deref());
        let (all, token) = page(&cx, Self::NAME, asked, (5, 100), all, |(id, _)| id.clone())?;
        let none = Tags::new();
        let shown = all.iter().map(|(id, public)| {
            let tags = tags.get(id).unwrap_or(&none);
            table(&cx, &network, (id, *public), tags)
        });
        Ok(json!({ "routeTableSet": shown.collect::<Vec<_>>(), "nextToken": token }))
    }
}

/// The public subnets reach the world by a gateway, the private ones by a NAT gateway.
fn table(cx: &Cx, network: &Network, (id, public): (&str, bool), tags: &Tags) -> Value {
    let subnets = network.subnets().into_iter().filter(|s| s.public == public);
    let mut associations: Vec<Value> = subnets
        .map(|subnet| {
            json!({
                "routeTableAssociationId": network.association_id(&subnet.id),
                "routeTableId": id,
                "subnetId": subnet.id,
                "main": false,
                "associationState": { "state": "associated" },
            })
        })
        .collect();
    let mut way =
        json!({ "destinationCidrBlock": "0.0.0.0/0", "state": "active", "origin": "CreateRoute" });
    if public {
        way["gatewayId"] = network.internet_gateway_id().into();
        associations.push(json!({
            "routeTableAssociationId": network.association_id("main"),
            "routeTableId": id,
            "main": true,
            "associationState": { "state": "associated" },
        }));
    } else {
        way["natGatewayId"] = network.nat_gateway_id().into();
    }
    json!({
        "routeTableId": id,
        "vpcId": network.vpc_id(),
        "ownerId": cx.registry.account.as_str(),
        "routeSet": [{
            "destinationCidrBlock": network.cidr.to_string(),
            "gatewayId": "local",
            "state": "active",
            "origin": "CreateRouteTable",
        }, way],
        "associationSet": associations,
        "propagatingVgwSet": [],
        "tagSet": model::tag_set(tags),
    })
}

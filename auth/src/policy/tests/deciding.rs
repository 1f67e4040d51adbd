//! What several policies come to together, and what holds for any of them.
use proptest::prelude::*;

use super::*;

fn decided(
    identity: Option<Value>,
    resource: &[Value],
    account: &str,
    user: &str,
) -> Result<(), Refused> {
    let caller = principal(account, user);
    let identity = identity.map_or(Identity::Full, |statement| {
        Identity::Policy(Arc::new(policy(&one(&statement), Kind::Identity)))
    });
    let policies: Vec<_> = resource
        .iter()
        .map(|statement| policy(&one(statement), Kind::Repository))
        .collect();
    let context = Context::default();
    let ask = Ask {
        principal: &caller,
        action: "ecr:PutImage",
        resource: REPOSITORY,
        context: &context,
    };
    decide(&identity, &policies, &OWNER.parse().unwrap(), &ask)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row a case")]
fn within_an_account_one_policy_is_enough_and_across_accounts_both_are_needed() {
    const OTHER: &str = "111122223333";
    let other_action = || Some(json!({ "Effect": "Allow", "Action": "ecr:Get*", "Resource": "*" }));
    let denies = || Some(json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }));
    let everyone = || allow(&json!("*"));
    let deny = || json!({ "Effect": "Deny", "Principal": "*", "Action": "ecr:PutImage" });
    let no = |basis| Err(Refused::NotAllowed(basis));
    for (identity, resource, account, user, expected) in [
        (None, vec![], OWNER, "bob", Ok(())),
        (
            None,
            vec![deny()],
            OWNER,
            "root",
            Err(Refused::Denied(Basis::Resource)),
        ),
        (
            None,
            vec![everyone(), deny()],
            OWNER,
            "bob",
            Err(Refused::Denied(Basis::Resource)),
        ),
        (
            denies(),
            vec![everyone()],
            OWNER,
            "bob",
            Err(Refused::Denied(Basis::Identity)),
        ),
        (other_action(), vec![], OWNER, "bob", no(Basis::Identity)),
        (other_action(), vec![everyone()], OWNER, "bob", Ok(())),
        // Naming the account leaves it to the account.
        (
            other_action(),
            vec![allow(&json!({ "AWS": OWNER }))],
            OWNER,
            "bob",
            no(Basis::Identity),
        ),
        (None, vec![], OTHER, "bob", no(Basis::Resource)),
        (None, vec![], OTHER, "root", no(Basis::Resource)),
        (
            None,
            vec![allow(&json!({ "AWS": OTHER }))],
            OTHER,
            "bob",
            Ok(()),
        ),
        (
            None,
            vec![allow(&json!({ "AWS": OWNER }))],
            OTHER,
            "bob",
            no(Basis::Resource),
        ),
        (
            other_action(),
            vec![everyone()],
            OTHER,
            "bob",
            no(Basis::Identity),
        ),
        (
            None,
            vec![everyone(), deny()],
            OTHER,
            "bob",
            Err(Refused::Denied(Basis::Resource)),
        ),
    ] {
        let case = format!("{identity:?} {resource:?} {account} {user}");
        assert_eq!(
            decided(identity, &resource, account, user),
            expected,
            "{case}"
        );
    }
}

fn any_statement() -> impl Strategy<Value = Value> {
    let effect = prop_oneof![Just("Allow"), Just("Deny")];
    let principal = prop_oneof![
        Just(json!("*")),
        Just(json!({ "AWS": OWNER })),
        Just(json!({ "AWS": "arn:aws:iam::000000000000:user/bob" })),
        Just(json!({ "Service": "x.y" })),
    ];
    let action = prop_oneof![Just("*"), Just("ecr:Put*"), Just("ecr:GetX")];
    (effect, principal, action).prop_map(|(effect, principal, action)| {
        json!({ "Effect": effect, "Principal": principal, "Action": action })
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        for kind in [Kind::Identity, Kind::Repository, Kind::Registry] {
            drop(Policy::parse(&text, kind));
        }
    }

    #[test]
    fn any_members_are_read_or_refused_and_then_evaluated(
        name in "Sid|Effect|Principal|NotPrincipal|Action|Resource|Condition",
        value in "(\"[a-z:*?$\\{\\}/.0-9]{0,12}\"|\\{\"[A-Za-z:]{1,20}\":(\\{\"aws:username\":\"\\PC{0,9}\"\\}|\"x\")\\}|\\[\\]|1|null)",
    ) {
        if let Ok(value) = serde_json::from_str::<Value>(&value) {
            let mut statement = allow(&json!("*"));
            statement[name] = value;
            if let Ok(policy) = Policy::parse(&one(&statement).to_string(), Kind::Repository) {
                let bob = principal(OWNER, "bob");
                let context = Context::new(&bob, Timestamp::from_secs(0));
                let ask = Ask { principal: &bob, action: "ecr:PutImage", resource: "*", context: &context };
                policy.verdict(&ask);
            }
        }
    }

    #[test]
    fn a_deny_always_wins(
        statements in prop::collection::vec(any_statement(), 1..6),
        at in 0_usize..6,
        user in "bob|eve|root",
    ) {
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "ecr:*" });
        let mut statements = statements;
        statements.insert(at.min(statements.len()), deny);
        let together = decided(None, &[json!(statements)], OWNER, &user);
        prop_assert_eq!(together, Err(Refused::Denied(Basis::Resource)));
        let apart = decided(None, &statements, OWNER, &user);
        prop_assert_eq!(apart, Err(Refused::Denied(Basis::Resource)));
    }

    #[test]
    fn the_order_of_statements_means_nothing(
        statements in prop::collection::vec(any_statement(), 1..6),
    ) {
        let mut backwards = statements.clone();
        backwards.reverse();
        for account in [OWNER, "111122223333"] {
            prop_assert_eq!(
                decided(None, &[json!(statements)], account, "bob"),
                decided(None, &[json!(backwards)], account, "bob")
            );
        }
    }
}

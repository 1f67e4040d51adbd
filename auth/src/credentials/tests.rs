//! Files of credentials, good and bad.
use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Keys, Error> {
    let read = |path: &str| match path {
        "good.json" => Ok(POLICY.to_owned()),
        "trust.json" => Ok(TRUST.to_owned()),
        "bad.json" => Ok("{}".to_owned()),
        _ => Err("there is no such file".to_owned()),
    };
    Keys::parse(text, &"000000000000".parse().unwrap(), read)
}

const POLICY: &str = r#"{"Statement":{"Effect":"Allow","Action":"ecr:Get*","Resource":"*"}}"#;

const TRUST: &str = r#"{"Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],
    "Principal":{"Service":"pods.eks.amazonaws.com"}}}"#;

const FILE: &str = "\
# made up
[default]
aws_access_key_id = AKIAEXAMPLEEXAMPLE00
aws_secret_access_key = not/a+real=secret

; another account
[ ci bot ]
aws_secret_access_key=second
aws_access_key_id=AKIAEXAMPLEEXAMPLE01
account = 123456789012
[admin]
aws_access_key_id = test
aws_secret_access_key = third
user = root
";

#[test]
fn a_file_like_that_of_the_aws_cli_is_read() {
    let keys = parse(FILE).unwrap();
    assert_eq!(keys.len(), 3);
    for (id, secret, arn) in [
        (
            "AKIAEXAMPLEEXAMPLE00",
            "not/a+real=secret",
            "arn:aws:iam::000000000000:user/default",
        ),
        (
            "AKIAEXAMPLEEXAMPLE01",
            "second",
            "arn:aws:iam::123456789012:user/ci_bot",
        ),
        ("test", "third", "arn:aws:iam::000000000000:root"),
    ] {
        let key = keys.get(id).unwrap();
        assert_eq!(key.secret.expose(), secret);
        assert_eq!(key.principal.arn.to_string(), arn);
        assert_eq!(key.principal.account.as_str(), key.principal.arn.account);
        assert_eq!(key.principal.access_key, id);
    }
    let printed = format!("{keys:?}");
    assert!(!printed.contains("second"), "{printed}");
    assert!(parse("").unwrap().is_empty());
}

#[test]
fn errors_name_the_line_and_repeat_no_secret() {
    let pair = "aws_access_key_id=A\naws_secret_access_key=hunter2\n";
    for (text, wrong) in [
        ("[a]\nhunter2\n".to_owned(), 2),
        ("\n\n[a]\nhunter2 = x\n".to_owned(), 4),
        ("[a]\naws_session_token = hunter2\n".to_owned(), 2),
        ("user = hunter2\n".to_owned(), 1),
        ("[a]\nuser =\n".to_owned(), 2),
        ("[a]\nuser = x\nuser = hunter2\n".to_owned(), 3),
        ("[a]\n".to_owned(), 1),
        ("[]\n".to_owned(), 1),
        ("[a\n".to_owned(), 1),
        ("[a]\naws_access_key_id=A\n".to_owned(), 1),
        ("[a]\naws_secret_access_key=hunter2\n".to_owned(), 1),
        (
            "[a]\naws_access_key_id=A/B\naws_secret_access_key=x\n".to_owned(),
            1,
        ),
        (format!("[a]\n{pair}account=1\n"), 1),
        (format!("[a]\n{pair}user=a/hunter2\n"), 1),
        (format!("[a]\n{pair}trust=trust.json\n"), 1),
        (format!("[a]\n{pair}role=hunter2\ntrust=trust.json\n"), 1),
        ("[a]\nrole=hunter2\n".to_owned(), 1),
        (
            "[a]\nrole=r\ntrust=trust.json\n[b]\nrole=r\ntrust=trust.json\n".to_owned(),
            4,
        ),
        (format!("[a]\n{pair}[a]\n{pair}"), 4),
        (format!("[a]\n{pair}[b]\n{pair}"), 4),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(
            matches!(error, Error::CredentialsFile { line, .. } if line == wrong),
            "{text:?}: {error}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_policy_is_read_with_its_user_or_the_line_is_named() {
    let file = |rest: &str| {
        parse(&format!(
            "[ci]\naws_access_key_id = A\naws_secret_access_key = b\n{rest}\n"
        ))
    };
    let keys = file("policy = good.json").unwrap();
    let identity = &keys.get("A").unwrap().identity;
    assert!(matches!(identity, Identity::Policy(_)));
    let keys = file("").unwrap();
    assert!(matches!(keys.get("A").unwrap().identity, Identity::Full));
    for (name, wrong) in [("bad.json", "missing field"), ("none", "no such file")] {
        let error = file(&format!("policy = {name}")).unwrap_err().to_string();
        let expected = format!("credentials file, line 4: policy {name}: ");
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.contains(wrong), "{error}");
    }
    let error = file("policy = good.json\nuser = root").unwrap_err();
    assert!(error.to_string().contains("line 4"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "(\\[a?\\]?|aws_access_key_id|aws_secret_access_key|user|policy|=| |\n|#|.){0,40}",
    ) {
        drop(parse(&text));
    }
}

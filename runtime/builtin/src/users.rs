//! As whom a container runs: names are looked up in the image's own files.
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use crate::Error;
use crate::wire::PlannedUser;

/// The largest `/etc/passwd` that is read.
const FILE_BYTES: u64 = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
}

/// Opens a file of a container's root: links in its path stay within it.
pub(crate) fn open_inside(root: &Path, path: &str) -> Result<File, Error> {
    let open = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root =
        rustix::fs::openat(CWD, root, open, Mode::empty()).map_err(Error::step("open a root"))?;
    let read = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(&root, path, read, Mode::empty(), inside)
        .map(File::from)
        .map_err(Error::step("open a file"))
}

fn lines(root: &Path, path: &str) -> Vec<String> {
    let mut text = String::new();
    // An image without this file knows no names.
    let read =
        open_inside(root, path).map(|file| file.take(FILE_BYTES).read_to_string(&mut text).is_ok());
    if !matches!(read, Ok(true)) {
        return Vec::new();
    }
    text.lines().map(ToOwned::to_owned).collect()
}

/// Finds the account of a container.
pub(crate) fn find(root: &Path, wanted: &PlannedUser) -> Result<Account, Error> {
    let passwd = lines(root, "/etc/passwd");
    let group = lines(root, "/etc/group");
    let account = resolve(wanted, &passwd, &group)?;
    if wanted.must_not_be_root && account.uid == 0 {
        return Err(Error::Refused(
            "container has runAsNonRoot and image will run as root".to_owned(),
        ));
    }
    Ok(account)
}

fn resolve(wanted: &PlannedUser, passwd: &[String], group: &[String]) -> Result<Account, Error> {
    let (user, group_of_image) = match wanted.of_image.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (wanted.of_image.as_str(), None),
    };
    let user = wanted
        .uid
        .map_or_else(|| user.to_owned(), |uid| uid.to_string());
    let user = if user.is_empty() { "0" } else { &user };
    let rows = || {
        passwd
            .iter()
            .map(|line| line.split(':').collect::<Vec<_>>())
    };
    let number = user.parse::<u32>().ok();
    let row = rows().find(|row| match number {
        Some(uid) => row.get(2).and_then(|text| text.parse().ok()) == Some(uid),
        None => row.first() == Some(&user),
    });
    let field = |at: usize| row.as_ref().and_then(|row| row.get(at)).copied();
    let uid = number.or_else(|| field(2)?.parse().ok()).ok_or_else(|| {
        Error::Refused(format!(
            "unable to find user {user}: no matching entries in passwd file"
        ))
    })?;
    let of_row = field(3).and_then(|text| text.parse().ok());
    let of_image = group_of_image.filter(|_| wanted.uid.is_none());
    let gid = match (wanted.gid, of_image) {
        (Some(gid), _) => gid,
        (None, Some(name)) => group_id(name, group)?,
        (None, None) => of_row.unwrap_or(0),
    };
    let mut groups = wanted.groups.clone();
    let name = field(0).unwrap_or_default();
    if !name.is_empty() && wanted.gid.is_none() && of_image.is_none() {
        groups.extend(memberships(name, group));
    }
    groups.sort_unstable();
    groups.dedup();
    let home = field(5).filter(|home| !home.is_empty()).unwrap_or("/");
    Ok(Account {
        uid,
        gid,
        groups,
        home: home.to_owned(),
    })
}

fn group_id(name: &str, group: &[String]) -> Result<u32, Error> {
    if let Ok(gid) = name.parse() {
        return Ok(gid);
    }
    let mut rows = group.iter().map(|line| line.split(':').collect::<Vec<_>>());
    let row = rows.find(|row| row.first() == Some(&name));
    let gid = row.and_then(|row| row.get(2)?.parse().ok());
    gid.ok_or_else(|| {
        Error::Refused(format!(
            "unable to find group {name}: no matching entries in group file"
        ))
    })
}

fn memberships(user: &str, group: &[String]) -> Vec<u32> {
    let of = |line: &String| {
        let row: Vec<&str> = line.split(':').collect();
        let is_member = row.get(3)?.split(',').any(|name| name == user);
        row.get(2)?.parse().ok().filter(|_| is_member)
    };
    group.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(of_image: &str, uid: Option<u32>, gid: Option<u32>) -> Result<Account, Error> {
        let passwd = [
            "root:x:0:0:root:/root:/bin/sh",
            "mysql:x:999:998::/var/lib/mysql:/bin/false",
        ];
        let group = ["root:x:0:", "mysql:x:998:", "tty:x:5:mysql,other"];
        let wanted = PlannedUser {
            of_image: of_image.to_owned(),
            uid,
            gid,
            groups: vec![7],
            must_not_be_root: false,
        };
        let own = |lines: &[&str]| {
            lines
                .iter()
                .map(|line| (*line).to_owned())
                .collect::<Vec<_>>()
        };
        resolve(&wanted, &own(&passwd), &own(&group))
    }

    #[test]
    fn names_and_numbers_as_images_and_pods_give_them() {
        let ids = |account: Account| (account.uid, account.gid, account.groups);
        assert_eq!(ids(account("", None, None).unwrap()), (0, 0, vec![7]));
        let mysql = account("mysql", None, None).unwrap();
        assert_eq!(mysql.home, "/var/lib/mysql");
        assert_eq!(ids(mysql), (999, 998, vec![5, 7]));
        assert_eq!(
            ids(account("999", None, None).unwrap()),
            (999, 998, vec![5, 7])
        );
        assert_eq!(
            ids(account("mysql:tty", None, None).unwrap()),
            (999, 5, vec![7])
        );
        assert_eq!(
            ids(account("mysql", Some(1234), None).unwrap()),
            (1234, 0, vec![7])
        );
        assert_eq!(
            ids(account("mysql", Some(999), Some(1)).unwrap()),
            (999, 1, vec![7])
        );
        assert!(account("nobody-here", None, None).is_err());
        assert!(account("mysql:nobody-here", None, None).is_err());
    }
}

//! E-mail and IP addresses.

use super::super::text::Terms;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Found, Kind};

/// All of them in a text.
pub(super) fn scan(text: &str) -> impl Iterator<Item = Found> + '_ {
    let pieces = text.split(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '<' | '>' | '"' | '\'' | ',' | ';' | '|' | '`' | '“' | '”' | '*'
            )
    });
    let mut version = false;
    pieces.flat_map(move |piece| {
        let is_version = std::mem::replace(&mut version, is_version(piece));
        email(piece)
            .into_iter()
            .chain(ip(piece).filter(|_| !is_version))
    })
}

/// Whether the number after this word is one of a release.
fn is_version(piece: &str) -> bool {
    Terms("version|v|build|release|firmware").has(piece.to_ascii_lowercase().as_str())
}

fn email(piece: &str) -> Option<Found> {
    let written = ["(at)", "[at]", "{at}"]
        .iter()
        .find_map(|at| piece.split_once(at));
    let (local, domain) = written.or_else(|| piece.split_once('@'))?;
    let local = local
        .rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-')))
        .next()?;
    let domain = domain
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')))
        .next()?;
    let domain = domain.trim_end_matches(['.', '-']).to_lowercase();
    let (name, top) = domain.rsplit_once('.')?;
    let formed = !local.is_empty()
        && !name.is_empty()
        && top.len() >= 2
        && top.chars().all(char::is_alphabetic);
    (formed && !is_example(&domain) && !is_role(local))
        .then(|| Found::new(Kind::Email, &format!("{local}{domain}")))
}

/// RFC 2606 and RFC 6761, and the placeholders that everybody writes.
fn is_example(domain: &str) -> bool {
    let names =
        Terms("example.com|example.org|example.net|example.de|domain.com|email.com|company.com");
    let tops = [".example", ".test", ".invalid", ".localhost"];
    let within = |name: &str| {
        domain == name
            || domain
                .strip_suffix(name)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    names.iter().any(within) || tops.iter().any(|top| domain.ends_with(top))
}

/// Mailboxes of a role (RFC 2142), not of a person.
fn is_role(local: &str) -> bool {
    const ROLES: Terms = Terms(
        "info|support|contact|hello|noreply|no-reply|admin|office|sales|help|service|press|jobs|\
         privacy|git|webmaster|postmaster|abuse|security|kontakt|kundenservice|team|billing|hr|\
         feedback|newsletter",
    );
    ROLES.has(local.to_lowercase().as_str())
}

fn ip(piece: &str) -> Option<Found> {
    let bare = piece.trim_matches(|c: char| !c.is_ascii_hexdigit() && c != ':');
    let bare = bare.trim_end_matches([':', '.']);
    let personal = match (bare.matches('.').count(), bare.matches(':').count()) {
        (3, 0 | 1) => is_public_v4(bare.split(':').next()?.parse().ok()?),
        (0, 2..) => is_public_v6(bare.parse().ok()?),
        _ => false,
    };
    personal.then(|| {
        Found::new(
            Kind::Ip,
            bare.split_once(':')
                .filter(|_| bare.contains('.'))
                .map_or(bare, |(ip, _)| ip),
        )
    })
}

/// An address that may be somebody's: not reserved (RFC 6890), not a public resolver.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    const RESOLVERS: [[u8; 4]; 8] = [
        [8, 8, 8, 8],
        [8, 8, 4, 4],
        [1, 1, 1, 1],
        [1, 0, 0, 1],
        [9, 9, 9, 9],
        [1, 2, 3, 4],
        [208, 67, 222, 222],
        [208, 67, 220, 220],
    ];
    let [first, second, third, _] = ip.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let reserved = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_broadcast()
        || ip.is_multicast()
        || first == 0
        || first >= 240
        || shared;
    // Sections and releases look like this.
    let small = first < 10 && second < 20 && third < 20;
    !reserved && !small && !RESOLVERS.contains(&ip.octets())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Only global unicast is given out, and 2001:db8::/32 is for documentation (RFC 3849).
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
}

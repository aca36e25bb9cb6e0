//! Who may speak for others: proxies in networks that the operator trusts (RFC 7239).

use core::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// Networks of proxies that are believed
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

/// What a request was before proxies passed it on
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who sent it
    pub address: IpAddr,
    /// `http` or `https`, if a proxy said so
    pub scheme: Option<&'static str>,
    /// Host and perhaps port, if a proxy said so
    pub host: Option<String>,
}

/// One step of the way
#[derive(Debug, Default)]
struct Step {
    whence: Option<IpAddr>,
    scheme: Option<&'static str>,
    host: Option<String>,
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Most steps that are looked at
const STEPS: usize = 32;

impl Proxies {
    /// Networks such as `10.0.0.0/8`, single addresses among them; gives the one that is none
    pub fn parse(networks: &[String]) -> Result<Self, String> {
        let parse = |text: &String| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| text.clone())
        };
        networks.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are any
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// What a request from `peer` was at first; nothing if that is no proxy that is believed.
    ///
    /// The way is followed backwards from here, through proxies that are believed, to the first that is not: what that
    /// one claims of those before it is not looked at.
    pub fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Origin> {
        if !self.trust(peer) {
            return None;
        }
        let steps =
            if headers.contains_key(header::FORWARDED) { forwarded(headers) } else { x_forwarded(headers) };
        let mut origin = Origin { address: peer, scheme: None, host: None };
        for step in steps.into_iter().rev().take(STEPS) {
            origin.scheme = step.scheme.or(origin.scheme);
            origin.host = step.host.or(origin.host);
            let Some(address) = step.whence else { break };
            origin.address = address;
            if !self.trust(address) {
                break;
            }
        }
        Some(origin)
    }
}

/// Whether some proxy has passed the request on
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    [header::FORWARDED, FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST, header::VIA]
        .iter()
        .any(|name| headers.contains_key(name))
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).collect()
}

/// `Forwarded` (RFC 7239 §4), each step with its own members
fn forwarded(headers: &HeaderMap) -> Vec<Step> {
    let step = |text: &str| {
        let mut step = Step::default();
        for pair in text.split(';') {
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.to_ascii_lowercase().as_str() {
                "for" => step.whence = address(value),
                "proto" => step.scheme = scheme(value),
                "host" => step.host = host(value),
                _ => {}
            }
        }
        step
    };
    texts(headers, &header::FORWARDED).into_iter().map(step).collect()
}

/// `X-Forwarded-*`: where there is one scheme for each step it is that step's, else the nearest proxy's word counts
fn x_forwarded(headers: &HeaderMap) -> Vec<Step> {
    let whence = texts(headers, &FORWARDED_FOR);
    let (schemes, hosts) = (texts(headers, &FORWARDED_PROTO), texts(headers, &FORWARDED_HOST));
    let count = whence.len().max(1);
    (0..count)
        .map(|place| {
            let of = |list: &[&str]| -> Option<String> {
                let last = place.checked_add(1) == Some(count);
                let own = if list.len() == count { list.get(place) } else { list.last().filter(|_| last) };
                own.map(|text| (*text).to_owned())
            };
            Step {
                whence: whence.get(place).and_then(|text| address(text)),
                scheme: of(&schemes).as_deref().and_then(scheme),
                host: of(&hosts).as_deref().and_then(host),
            }
        })
        .collect()
}

/// An address, perhaps with a port, of IPv6 perhaps in brackets; a name or `unknown` is none
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or_else(|| text.rsplit_once(':').map_or(text, |(host, _)| host), |(inner, _)| inner);
    let parsed = text.parse::<IpAddr>().or_else(|_| bare.parse::<IpAddr>());
    parsed.ok().map(|address| address.to_canonical())
}

fn scheme(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "https" => Some("https"),
        "http" => Some("http"),
        _ => None,
    }
}

/// A host that may stand in a URL: a name or an address, perhaps with a port
pub fn host(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    (!text.is_empty() && text.len() <= 255 && text.bytes().all(plain)).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(peer: &str, headers: &[(&'static str, &str)]) -> Option<Origin> {
        let networks = ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"].map(str::to_owned);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Proxies::parse(&networks).unwrap().origin(peer.parse().unwrap(), &map)
    }

    #[test]
    fn strangers_are_not_believed() {
        assert_eq!(origin("192.0.2.1", &[("x-forwarded-for", "198.51.100.7")]), None);
        assert_eq!(Proxies::default().origin("127.0.0.1".parse().unwrap(), &HeaderMap::new()), None);
    }

    #[test]
    fn the_way_is_followed_to_the_first_who_is_not_believed() {
        let found =
            |value: &str| origin("127.0.0.1", &[("x-forwarded-for", value)]).unwrap().address.to_string();
        assert_eq!(found("198.51.100.7"), "198.51.100.7");
        assert_eq!(found("198.51.100.7, 10.1.2.3"), "198.51.100.7");
        assert_eq!(
            found("1.1.1.1, 198.51.100.7, 10.1.2.3"),
            "198.51.100.7",
            "what a stranger claims does not count"
        );
        assert_eq!(found("198.51.100.7:4711"), "198.51.100.7");
        assert_eq!(found("[2001:db8::1]:80"), "2001:db8::1");
        assert_eq!(found("2001:db8::1"), "2001:db8::1");
        assert_eq!(found("unknown, 10.1.2.3"), "10.1.2.3");
        assert_eq!(found("nonsense"), "127.0.0.1");
        assert_eq!(found(""), "127.0.0.1");
    }

    #[test]
    fn several_headers_are_one_list() {
        let headers = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "10.0.0.2")];
        assert_eq!(origin("10.0.0.1", &headers).unwrap().address.to_string(), "198.51.100.7");
    }

    #[test]
    fn forwarded_goes_over_the_older_headers() {
        let headers = [
            ("forwarded", "for=1.1.1.1;host=evil.example, for=198.51.100.7;proto=https;host=as.example"),
            ("forwarded", "for=\"[fd00::5]:99\""),
            ("x-forwarded-for", "203.0.113.1"),
            ("x-forwarded-host", "evil.example"),
        ];
        let wanted = Origin {
            address: "198.51.100.7".parse().unwrap(),
            scheme: Some("https"),
            host: Some("as.example".to_owned()),
        };
        assert_eq!(origin("127.0.0.1", &headers), Some(wanted));
    }

    #[test]
    fn scheme_and_host_are_those_that_the_client_saw() {
        let headers = [
            ("x-forwarded-for", "198.51.100.7, 10.0.0.9"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-host", "as.example:8443"),
        ];
        let found = origin("127.0.0.1", &headers).unwrap();
        assert_eq!((found.scheme, found.host.as_deref()), (Some("https"), Some("as.example:8443")));
        for bad in ["a b", "a/b", "a@b", "\"x\"", "a?b"] {
            assert_eq!(origin("127.0.0.1", &[("x-forwarded-host", bad)]).unwrap().host, None, "{bad}");
        }
        assert_eq!(origin("127.0.0.1", &[("x-forwarded-proto", "ftp")]).unwrap().scheme, None);
    }
}

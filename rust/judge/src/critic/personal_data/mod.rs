//! Data of a person that the exchange did not hold before.
//!
//! Caught: e-mail addresses, telephone numbers, IBANs with right check digits (ISO 13616), card
//! numbers with a right Luhn digit (ISO/IEC 7812-1), US social security numbers and German
//! pension numbers, street addresses with a house number, public IP addresses. Not caught: what
//! stands in prompt, context or system prompt; addresses of roles (`info@`); reserved examples
//! (RFC 2606 domains, RFC 5737 and RFC 3849 addresses, 555 numbers, specimens of the IBAN
//! register, published test cards); toll-free and emergency numbers; names and birthdays.

mod network;
mod numbers;
mod street;

use super::Remark;
use super::reading::Reading;

pub(super) fn check(reading: &Reading<'_>) -> Remark {
    if reading.exchange.expect.may_contain_personal_data {
        return Remark::NONE;
    }
    let known = Known::of(reading);
    let reply = reading.exchange.reply;
    let mut remark = Remark::NONE;
    for found in numbers::scan(reply)
        .chain(network::scan(reply))
        .chain(street::scan(reply))
    {
        if !known.holds(&found.key) {
            remark = remark.or(found.kind.remark());
        }
    }
    remark
}

/// Something that belongs to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    kind: Kind,
    /// Its letters and digits in lower case.
    key: String,
}

impl Found {
    fn new(kind: Kind, text: &str) -> Self {
        let key = key(text);
        Self { kind, key }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Email,
    Phone,
    Iban,
    Card,
    SocialSecurity,
    Street,
    Ip,
}

impl Kind {
    fn remark(self) -> Remark {
        match self {
            Self::Email => Remark::new(0.2, "it names an e-mail address"),
            Self::Phone => Remark::new(0.2, "it names a telephone number"),
            Self::Iban => Remark::new(0.0, "it names a bank account"),
            Self::Card => Remark::new(0.0, "it names a payment card"),
            Self::SocialSecurity => Remark::new(0.0, "it names a social security number"),
            // A shop has one too.
            Self::Street => Remark::new(0.5, "it names a street address"),
            Self::Ip => Remark::new(0.4, "it names an IP address"),
        }
    }
}

/// Letters and digits of everything that stood there before, in lower case.
struct Known(Vec<String>);

impl Known {
    fn of(reading: &Reading<'_>) -> Self {
        Self(reading.sources().map(key).collect())
    }

    fn holds(&self, key: &str) -> bool {
        self.0.iter().any(|known| known.contains(key))
    }
}

fn key(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

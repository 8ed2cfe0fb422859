//! `/digest.atom`: the digests that were told, as an Atom feed (RFC 4287). Licences hold, whoever asks: a feed is passed on.

use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use crowsnest_lake::Language;
use crowsnest_run::digest::told_digests;
use std::fmt::Write as _;

use crate::digests::{Audience, digest_message};
use crate::message::escaped;
use crate::page::error_page;
use crate::request::PageRequest;
use crate::site::{Seen, Site};
use crate::words::say;

const N_ENTRIES: usize = 30;

/// Answers with the feed.
pub(crate) async fn serve(Seen(site): Seen, uri: Uri, headers: HeaderMap) -> Response {
    let request = match PageRequest::read(&site.lake, &site.shared, &uri, &headers, None) {
        Ok(request) => request,
        Err(error) => return crate::page::plain_error(&site, &uri, &headers, &error),
    };
    // A reader's program has no language of its own: the market's, unless the address names one.
    let language = if request.is_language_explicit { request.language } else { site.lake.market().config.language };
    match feed(&site, language, &request.site_address) {
        Ok(feed) => ([(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")], feed).into_response(),
        Err(error) => error_page(&error.into(), &request),
    }
}

fn moment(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map(|moment| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

fn feed(site: &Site, language: Language, base: &str) -> Result<String, crowsnest_lake::LakeError> {
    let market = site.lake.market().title();
    let config = &site.lake.market().config;
    let told = told_digests(&site.lake, None, N_ENTRIES)?;
    let updated = told.first().map_or(0, |(made_at, _)| *made_at);
    let mut xml = String::new();
    // Infallible: writing to a String never fails.
    let _ = write!(
        xml,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">\n\
         <title>{}</title>\n<id>urn:crowsnest:{}:digest</id>\n<updated>{}</updated>\n\
         <author><name>Crowsnest</name></author>\n\
         <link rel=\"self\" href=\"{base}/digest.atom\"/>\n<link rel=\"alternate\" href=\"{base}/digest\"/>\n",
        language.tag(),
        escaped(&format!("{market} · {}", say(language, "digest.title"))),
        escaped(&config.name),
        moment(updated),
        base = escaped(base),
    );
    for (made_at, digest) in &told {
        let message = digest_message(&site.lake, digest, language, Audience::Others, Some(base.to_owned()));
        let _ = write!(
            xml,
            "<entry>\n<title>{}</title>\n<id>urn:crowsnest:{}:digest:{}:{made_at}</id>\n<updated>{}</updated>\n\
             <link href=\"{}\"/>\n<content type=\"html\">{}</content>\n</entry>\n",
            escaped(&message.title),
            escaped(&config.name),
            escaped(&digest.name),
            moment(*made_at),
            escaped(&format!("{base}{}", message.path)),
            escaped(&message.mail_body()),
        );
    }
    xml.push_str("</feed>\n");
    Ok(xml)
}

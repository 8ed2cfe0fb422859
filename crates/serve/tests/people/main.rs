//! People and the pages: accounts, logging in by a provider, users, what each role may do, deciding on the pages, and a list of
//! attacks. Over the real router.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod accounts;
mod attacks;
mod deciding;
mod id_provider;
mod keeping;
mod oidc;
mod served;
mod users;

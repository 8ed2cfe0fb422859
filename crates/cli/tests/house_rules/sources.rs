//! The project's Rust files, read and taken apart: names, functions, lines, without what is only compiled for tests.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// One Rust file.
pub(crate) struct SourceFile {
    /// From the project's root, with `/`.
    pub(crate) path: String,
    /// `lake` for `crates/lake/…`, `bench` for `bench/…`.
    pub(crate) crate_name: String,
    /// Whether it is only compiled for tests, examples or the build itself.
    pub(crate) is_beside: bool,
    pub(crate) text: String,
}

/// A name with the modules in front of it, as written in one place; a member after a dot has the dot in front.
pub(crate) struct NamePath {
    pub(crate) parts: Vec<String>,
    pub(crate) line: usize,
}

/// A function outside tests.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) n_lines: usize,
}

/// A file, taken apart.
pub(crate) struct Parsed {
    pub(crate) names: Vec<NamePath>,
    pub(crate) functions: Vec<Function>,
    pub(crate) n_lines_without_tests: usize,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every Rust file of the project, by path.
pub(crate) fn all() -> Vec<SourceFile> {
    let root = root();
    let mut paths = Vec::new();
    for folder in ["crates", "bench"] {
        find(&root.join(folder), &mut paths);
    }
    paths.sort();
    let files: Vec<SourceFile> = paths.iter().map(|path| read(&root, path)).collect();
    assert!(files.len() > 50, "only {} Rust files were found", files.len());
    files
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_ours = !name.starts_with('.') && name != "target" && name != "node_modules";
        if is_ours && path.is_dir() {
            find(&path, paths);
        } else if name.ends_with(".rs") {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> SourceFile {
    let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    let parts: Vec<&str> = relative.split('/').collect();
    let (crate_name, inside) = if parts[0] == "crates" { (parts[1], &parts[2..]) } else { (parts[0], &parts[1..]) };
    let is_beside = inside[0] != "src";
    SourceFile {
        crate_name: crate_name.to_owned(),
        is_beside,
        text: std::fs::read_to_string(path).unwrap(),
        path: relative,
    }
}

/// Takes a file apart.
pub(crate) fn parse(path: &str, text: &str) -> Parsed {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut visitor = Visitor::default();
    visitor.visit_file(&file);
    let mut names = Vec::new();
    collect_names(text.parse().unwrap(), &[], &mut names);
    names.retain(|name| !visitor.test_lines.iter().any(|(from, to)| (*from..=*to).contains(&name.line)));
    let n_test_lines: usize = visitor.test_lines.iter().map(|(from, to)| to - from + 1).sum();
    Parsed { names, functions: visitor.functions, n_lines_without_tests: text.lines().count() - n_test_lines }
}

#[derive(Default)]
struct Visitor {
    functions: Vec<Function>,
    test_lines: Vec<(usize, usize)>,
}

impl Visitor {
    fn meet(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let from = signature.span().start().line;
        let to = block.span().end().line;
        self.functions.push(Function { name: signature.ident.to_string(), n_lines: to - from + 1 });
    }
}

impl<'ast> Visit<'ast> for Visitor {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_for_tests(attributes(item)) {
            let span = item.span();
            self.test_lines.push((span.start().line, span.end().line));
            return;
        }
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.meet(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.meet(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.meet(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string().starts_with("test"),
        syn::Meta::NameValue(_) => false,
    })
}

/// All names with their modules, those inside of `use a::{b, c}` and of macros too.
fn collect_names(stream: TokenStream, prefix: &[String], names: &mut Vec<NamePath>) {
    let mut current: Option<NamePath> = None;
    let mut n_colons = 0;
    let mut is_member = false;
    for tree in stream {
        match tree {
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                if n_colons == 2
                    && let Some(path) = &mut current
                {
                    path.parts.push(word);
                } else {
                    names.extend(current.take());
                    let word = if is_member { format!(".{word}") } else { word };
                    let parts = prefix.iter().cloned().chain([word]).collect();
                    current = Some(NamePath { parts, line: ident.span().start().line });
                }
                (n_colons, is_member) = (0, false);
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => n_colons += 1,
            TokenTree::Group(group) => {
                let is_continued = n_colons == 2 && group.delimiter() == Delimiter::Brace;
                let before = current.take();
                let inner = before.as_ref().filter(|_| is_continued).map(|path| path.parts.clone());
                names.extend(before);
                collect_names(group.stream(), &inner.unwrap_or_default(), names);
                (n_colons, is_member) = (0, false);
            }
            TokenTree::Punct(punct) => {
                names.extend(current.take());
                (n_colons, is_member) = (0, punct.as_char() == '.');
            }
            TokenTree::Literal(_) => (n_colons, is_member) = (0, false),
        }
    }
    names.extend(current);
}

#[test]
fn names_functions_and_lines_are_found() {
    let text = "//! Page.\nuse std::{fs::File, io};\nfn one() {\n    x.fs(std::fs::read(y));\n}\n\n#[cfg(test)]\nmod tests {\n    fn two() {}\n}\n";
    let parsed = parse("example.rs", text);
    let paths: Vec<String> = parsed.names.iter().map(|name| name.parts.join("::")).collect();
    for expected in ["std::fs::File", "std::io", ".fs", "std::fs::read"] {
        assert!(paths.iter().any(|path| path == expected), "{expected} not in {paths:?}");
    }
    assert!(!paths.iter().any(|path| path == "two"));
    assert_eq!(parsed.functions.len(), 1);
    assert_eq!(parsed.functions[0].n_lines, 3);
    assert_eq!(parsed.n_lines_without_tests, 6);
}

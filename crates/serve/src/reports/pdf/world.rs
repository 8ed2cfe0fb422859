//! The world in which papers are typeset: a template of ours, the data of one paper, and fonts. There is no other file in it, no
//! package, no clock and no network.

use std::sync::LazyLock;

use crowsnest_lake::Language;
use serde::Serialize;
use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, PathError, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};
use typst_kit::fonts::{self, FontStore};

const TEMPLATE: &str = include_str!("paper.typ");

/// Those that are in the program.
const SERIF: &str = "Libertinus Serif";
const MONO: &str = "DejaVu Sans Mono";

/// Families with Chinese characters, the likeliest to look well beside a serif first.
const SIMPLIFIED: &[&str] = &[
    "Noto Serif CJK SC",
    "Noto Serif SC",
    "Source Han Serif SC",
    "Songti SC",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "SimSun",
    "Microsoft YaHei",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
];
const TRADITIONAL: &[&str] = &[
    "Noto Serif CJK TC",
    "Noto Serif TC",
    "Source Han Serif TC",
    "Songti TC",
    "Noto Sans CJK TC",
    "Noto Sans TC",
    "Source Han Sans TC",
    "PingFang TC",
    "PMingLiU",
    "Microsoft JhengHei",
];

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));

/// Looked for once: who installs a font starts the program again. In one order, so that the same machine makes the same bytes.
static FONTS: LazyLock<FontStore> = LazyLock::new(|| {
    let mut store = FontStore::new();
    store.extend(fonts::embedded());
    let mut system: Vec<_> = fonts::system().collect();
    system.sort_by(|(one, _), (other, _)| (&one.path, one.index).cmp(&(&other.path, other.index)));
    store.extend(system);
    store
});

/// A family of fonts as the template names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Family {
    /// For all that it has.
    Plain(&'static str),
    /// For some characters.
    Covering {
        /// Its name.
        name: &'static str,
        /// Which.
        covers: &'static str,
    },
}

/// Families for text, of those that are here. In Chinese the Latin family leaves punctuation to the Chinese one.
pub(super) fn text_fonts(language: Language) -> Vec<Family> {
    let first = match language {
        Language::En => Family::Plain(SERIF),
        Language::ZhHans | Language::ZhHant => Family::Covering { name: SERIF, covers: "latin-in-cjk" },
    };
    std::iter::once(first).chain(chinese(language)).collect()
}

/// Families for code.
pub(super) fn code_fonts(language: Language) -> Vec<Family> {
    std::iter::once(Family::Plain(MONO)).chain(chinese(language)).collect()
}

fn chinese(language: Language) -> Vec<Family> {
    let lists = match language {
        Language::ZhHant => [TRADITIONAL, SIMPLIFIED],
        Language::En | Language::ZhHans => [SIMPLIFIED, TRADITIONAL],
    };
    let book = FONTS.book();
    let is_here = |name: &&&'static str| book.contains_family(&name.to_lowercase());
    lists.into_iter().filter_map(|list| list.iter().find(is_here)).map(|name| Family::Plain(name)).collect()
}

/// A template and the data of one paper.
pub(super) struct PaperWorld {
    template: Source,
    data_id: FileId,
    data: Bytes,
}

impl PaperWorld {
    /// `data` is JSON.
    pub(super) fn new(data: Vec<u8>) -> Result<Self, PathError> {
        let id = |path: &str| -> Result<FileId, PathError> {
            Ok(RootedPath::new(VirtualRoot::Project, VirtualPath::new(path)?).intern())
        };
        Ok(Self {
            template: Source::new(id("/paper.typ")?, TEMPLATE.to_owned()),
            data_id: id("/paper.json")?,
            data: Bytes::new(data),
        })
    }
}

impl World for PaperWorld {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        FONTS.book()
    }

    fn main(&self) -> FileId {
        self.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.template.id() { Ok(self.template.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.data_id { Ok(self.data.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.font(index)
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        None
    }
}

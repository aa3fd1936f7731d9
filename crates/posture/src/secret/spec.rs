use cofferdam_finding::Severity;

use super::check::Check;

/// One kind of secret.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Id, which `secret-` goes in front of in reports.
    pub id: &'static str,
    /// What it is: `GitHub personal access token`.
    pub title: &'static str,
    /// How bad it is to leak it.
    pub severity: Severity,
    /// Each secret of this kind has one of these texts in it or in front of it.
    pub literals: &'static [&'static str],
    /// Where the secret is, seen from the literal.
    pub shape: Shape,
    /// Regular expression of the secret itself.
    pub pattern: &'static str,
    /// Least entropy, in bits a character; 0 where the format says enough.
    pub entropy: f32,
    /// Checksum or structure that a real one has.
    pub(super) check: Check,
    /// Page of the issuer about it; empty where there is none.
    pub see: &'static str,
    /// Text with a secret of this kind, as a template (see `tests/secrets.rs`): no example stands in
    /// the source in full.
    pub example: &'static str,
    /// Text like it without one.
    pub counterexample: &'static str,
}

/// Where a secret is, seen from the literal that announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The secret begins with the literal, letter for letter.
    Token,
    /// The literal is within the secret, with at most so many characters in front.
    Inside(usize),
    /// The secret follows right after the literal, whose case does not matter.
    After,
    /// The literal is (in any case) in the name of something that the secret is assigned to on the
    /// same line: `FOO_API_KEY=…`, `"fooKey": "…"`, `<foo.key>…`.
    Assigned,
    /// As `Assigned`, but for names that everybody uses: not looked for in binaries, documentation,
    /// tests or third-party code.
    Generic,
}

impl Shape {
    /// Whether the literal alone says so much that binaries are searched for it too.
    pub(super) const fn is_strong(self) -> bool {
        matches!(self, Self::Token | Self::Inside(_))
    }
}

impl Spec {
    pub(super) const fn entropy(mut self, least: f32) -> Self {
        self.entropy = least;
        self
    }

    pub(super) const fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    pub(super) const fn see(mut self, page: &'static str) -> Self {
        self.see = page;
        self
    }

    pub(super) const fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }
}

/// A secret that begins with one of `literals`.
pub(super) const fn token(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    literals: &'static [&'static str],
    pattern: &'static str,
    example: &'static str,
    counterexample: &'static str,
) -> Spec {
    Spec {
        id,
        title,
        severity,
        literals,
        shape: Shape::Token,
        pattern,
        entropy: 0.0,
        check: Check::None,
        see: "",
        example,
        counterexample,
    }
}

/// A secret that is assigned to a name with one of `literals` in it.
pub(super) const fn assigned(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    literals: &'static [&'static str],
    pattern: &'static str,
    example: &'static str,
    counterexample: &'static str,
) -> Spec {
    let spec = token(id, title, severity, literals, pattern, example, counterexample);
    spec.shape(Shape::Assigned).entropy(3.0)
}

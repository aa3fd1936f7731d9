//! Version 4.0: <https://www.first.org/cvss/v4-0/specification-document>, section 8.
//!
//! Vectors fall into 270 classes ("MacroVectors") by six equivalence functions of their metrics.
//! Experts scored the worst vector of each class. A vector gets the score of its class, less a
//! share of the way to the next milder classes: as far as it lies from the worst of its own.

use super::{Definition, Metrics, Score, macro_vectors::score_of_class};

const HLN: &[&str] = &["H", "L", "N"];
const XHLN: &[&str] = &["X", "H", "L", "N"];
const XSHLN: &[&str] = &["X", "S", "H", "L", "N"];
const REQUIREMENT: &[&str] = &["X", "H", "M", "L"];

const METRICS: &[Definition] = &[
    ("AV", &["N", "A", "L", "P"], true),
    ("AC", &["L", "H"], true),
    ("AT", &["N", "P"], true),
    ("PR", &["N", "L", "H"], true),
    ("UI", &["N", "P", "A"], true),
    ("VC", HLN, true),
    ("VI", HLN, true),
    ("VA", HLN, true),
    ("SC", HLN, true),
    ("SI", HLN, true),
    ("SA", HLN, true),
    ("E", &["X", "A", "P", "U"], false),
    ("CR", REQUIREMENT, false),
    ("IR", REQUIREMENT, false),
    ("AR", REQUIREMENT, false),
    ("MAV", &["X", "N", "A", "L", "P"], false),
    ("MAC", &["X", "L", "H"], false),
    ("MAT", &["X", "N", "P"], false),
    ("MPR", &["X", "N", "L", "H"], false),
    ("MUI", &["X", "N", "P", "A"], false),
    ("MVC", XHLN, false),
    ("MVI", XHLN, false),
    ("MVA", XHLN, false),
    ("MSC", XHLN, false),
    ("MSI", XSHLN, false),
    ("MSA", XSHLN, false),
    ("S", &["X", "N", "P"], false),
    ("AU", &["X", "N", "Y"], false),
    ("R", &["X", "A", "U", "I"], false),
    ("V", &["X", "D", "C"], false),
    ("RE", &["X", "L", "M", "H"], false),
    ("U", &["X", "Clear", "Green", "Amber", "Red"], false),
];

/// The steps from the worst value of a metric down: `AV:N` is 0, `AV:P` is 3.
#[derive(Debug, Clone, Copy)]
struct Levels {
    av: u8,
    ac: u8,
    at: u8,
    pr: u8,
    ui: u8,
    /// Confidentiality, integrity, availability of the vulnerable system: H, L, N.
    vulnerable: [u8; 3],
    /// The same of subsequent systems: S, H, L, N; confidentiality begins at H, which is 1.
    subsequent: [u8; 3],
    /// How much confidentiality, integrity and availability are required: H, M, L.
    required: [u8; 3],
    /// Exploit maturity: A, P, U.
    exploit: u8,
}

/// The class of a vector: the levels of the six equivalence functions (tables 24 to 29).
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub(super) eq1: u8,
    pub(super) eq2: u8,
    pub(super) eq3: u8,
    pub(super) eq4: u8,
    pub(super) eq5: u8,
    pub(super) eq6: u8,
}

pub(super) fn score(text: &str) -> Result<Score, String> {
    let levels = Levels::of(&Metrics::parse(text, METRICS)?);
    if levels.vulnerable == [2; 3] && levels.subsequent == [3; 3] {
        return Ok(Score::of_tenths(0));
    }
    let class = levels.class();
    let worst = score_of_class(class).ok_or("it falls into no class")?;
    Ok(Score::nearest((f64::from(worst) - levels.mean_distance(class, worst)) / 10.0))
}

impl Levels {
    fn of(metrics: &Metrics<'_>) -> Self {
        // A modified metric replaces the base metric; what is not defined counts as the worst.
        let level = |name: &str, modified: &str, scale: &[&str]| {
            let value = match metrics.get(modified) {
                "" | "X" => metrics.get(name),
                value => value,
            };
            (0..).zip(scale).find(|(_, known)| **known == value).map_or(0, |(level, _)| level)
        };
        let three = |n: [&str; 3], m: [&str; 3], scale| {
            [level(n[0], m[0], scale), level(n[1], m[1], scale), level(n[2], m[2], scale)]
        };
        Self {
            av: level("AV", "MAV", &["N", "A", "L", "P"]),
            ac: level("AC", "MAC", &["L", "H"]),
            at: level("AT", "MAT", &["N", "P"]),
            pr: level("PR", "MPR", &["N", "L", "H"]),
            ui: level("UI", "MUI", &["N", "P", "A"]),
            vulnerable: three(["VC", "VI", "VA"], ["MVC", "MVI", "MVA"], HLN),
            subsequent: three(["SC", "SI", "SA"], ["MSC", "MSI", "MSA"], &["S", "H", "L", "N"]),
            required: three(["CR", "IR", "AR"], ["", "", ""], &["H", "M", "L"]),
            exploit: level("E", "", &["A", "P", "U"]),
        }
    }

    fn class(&self) -> Class {
        let none = [self.av, self.pr, self.ui].iter().filter(|level| **level == 0).count();
        let [vc, vi, va] = self.vulnerable;
        let critical = (0..3).any(|i| self.vulnerable[i] == 0 && self.required[i] == 0);
        Class {
            eq1: match none {
                3 => 0,
                1 | 2 if self.av != 3 => 1,
                _ => 2,
            },
            eq2: u8::from(self.ac != 0 || self.at != 0),
            eq3: match (vc, vi, va) {
                (0, 0, _) => 0,
                (0, ..) | (_, 0, _) | (.., 0) => 1,
                _ => 2,
            },
            eq4: match self.subsequent {
                [_, 0, _] | [.., 0] => 0,
                [1, ..] | [_, 1, _] | [.., 1] => 1,
                _ => 2,
            },
            eq5: self.exploit,
            eq6: u8::from(!critical),
        }
    }

    /// The mean, over the equivalence functions for which a milder class exists, of the difference
    /// to that class's score, in proportion to how far down its own class the vector lies.
    fn mean_distance(&self, class: Class, worst: u8) -> f64 {
        let depths = self.depths(class);
        let mut sum = 0.0;
        let mut count = 0.0;
        for (milder, (steps, depth)) in class.milder().into_iter().zip(depths) {
            let Some(score) = milder else { continue };
            sum += (f64::from(worst) - f64::from(score)) * f64::from(steps) / f64::from(depth);
            count += 1.0;
        }
        if count == 0.0 { 0.0 } else { sum / count }
    }

    /// For eq1, eq2, eq3 with eq6, eq4 and eq5: the steps down from the worst vector of the class,
    /// and the number of steps that the class has (table 31).
    fn depths(&self, class: Class) -> [(u8, u8); 5] {
        let exploitability = [self.av, self.pr, self.ui];
        let worst: &[[u8; 3]] = match class.eq1 {
            0 => &[[0, 0, 0]],
            1 => &[[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            _ => &[[3, 0, 0], [1, 1, 1]],
        };
        let eq1 = (steps_below(&exploitability, worst), [1, 4, 5][usize::from(class.eq1.min(2))]);
        let eq2_worst: &[[u8; 2]] = if class.eq2 == 0 { &[[0, 0]] } else { &[[1, 0], [0, 1]] };
        let eq2 = (steps_below(&[self.ac, self.at], eq2_worst), [1, 2][usize::from(class.eq2)]);
        let [[vc, vi, va], [cr, ir, ar]] = [self.vulnerable, self.required];
        let (worst, depth) = worst_impacts(class);
        let eq3 = (steps_below(&[vc, vi, va, cr, ir, ar], worst), depth);
        let (eq4_worst, depth) = match class.eq4 {
            0 => ([1, 0, 0], 6),
            1 => ([1, 1, 1], 5),
            _ => ([2, 2, 2], 4),
        };
        [eq1, eq2, eq3, (steps_below(&self.subsequent, &[eq4_worst]), depth), (0, 1)]
    }
}

/// The steps from the first of the `worst` vectors that is at least as bad in every metric.
fn steps_below<const N: usize>(levels: &[u8; N], worst: &[[u8; N]]) -> u8 {
    worst
        .iter()
        .find(|worst| worst.iter().zip(levels).all(|(worst, level)| worst <= level))
        .map_or(0, |worst| levels.iter().sum::<u8>() - worst.iter().sum::<u8>())
}

/// The worst vectors (VC, VI, VA, CR, IR, AR) of eq3 with eq6 (table 30), and their depth.
const fn worst_impacts(class: Class) -> (&'static [[u8; 6]], u8) {
    match (class.eq3, class.eq6) {
        (0, 0) => (&[[0, 0, 0, 0, 0, 0]], 7),
        (0, _) => (&[[0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1]], 6),
        (1, 0) => (&[[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]], 8),
        (1, _) => (
            &[
                [1, 0, 1, 0, 1, 0],
                [1, 0, 0, 0, 1, 1],
                [0, 1, 0, 1, 0, 1],
                [0, 1, 1, 1, 0, 0],
                [1, 1, 0, 0, 0, 1],
            ],
            8,
        ),
        _ => (&[[1, 1, 1, 0, 0, 0]], 10),
    }
}

impl Class {
    /// The score of the next milder class by eq1, eq2, eq3 with eq6, eq4 and eq5, if there is one.
    fn milder(self) -> [Option<u8>; 5] {
        let score = |class: Self| score_of_class(class);
        let eq3 = Self { eq3: self.eq3 + 1, ..self };
        let eq6 = Self { eq6: self.eq6 + 1, ..self };
        let impact = match (self.eq3, self.eq6) {
            (0, 0) => score(eq3).max(score(eq6)),
            (1, 0) => score(eq6),
            _ => score(eq3),
        };
        [
            score(Self { eq1: self.eq1 + 1, ..self }),
            score(Self { eq2: self.eq2 + 1, ..self }),
            impact,
            score(Self { eq4: self.eq4 + 1, ..self }),
            score(Self { eq5: self.eq5 + 1, ..self }),
        ]
    }
}

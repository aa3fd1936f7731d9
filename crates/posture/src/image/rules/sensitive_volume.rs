use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-sensitive-volume",
        "The image declares a system directory as a volume",
        Severity::Medium,
        [
            "Looks at the image's volumes for /, /dev, /proc, /sys, /etc, /boot, /usr and sockets of \
             container engines.",
            "Who runs such an image is led to mount those directories of the host, which gives the \
             container the host. A volume over system directories also keeps old files across \
             updates of the image.",
            "Declare the directory that holds the program's data, and nothing else.",
        ],
        const { &[cis("Docker 5.6")] },
    ),
    fix: "declare only the directory with the program's data",
    check,
};

const SENSITIVE: &[&str] = &[
    "/",
    "/dev",
    "/proc",
    "/sys",
    "/etc",
    "/boot",
    "/usr",
    "/lib",
    "/bin",
    "/sbin",
    "/root",
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/lib/docker",
    "/var/lib/kubelet",
];

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let volumes = image.configuration.map(|configuration| &configuration.config.volumes);
    let paths = volumes.into_iter().flat_map(|volumes| volumes.keys());
    let is_sensitive = |path: &&String| {
        let path = path.trim_end_matches('/');
        SENSITIVE.contains(&if path.is_empty() { "/" } else { path })
    };
    paths
        .filter(is_sensitive)
        .map(|path| Observation {
            subject: format!("volume {path}"),
            title: format!("the image declares {path} as a volume"),
            location: "config.Volumes".into(),
            saw: path.clone(),
            wanted: "no system directory",
            ..Observation::default()
        })
        .collect()
}

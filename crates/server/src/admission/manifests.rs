use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Who signs the certificate of the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// The authority with this PEM; its certificate for the webhook is in a Secret that is there.
    Bundle(Vec<u8>),
    /// cert-manager, by an issuer of its own.
    CertManager,
}

/// How the webhook is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Namespace that it is in.
    pub namespace: String,
    /// Name of everything of it.
    pub name: String,
    /// Image of Cofferdam.
    pub image: String,
    /// Secret with `tls.crt` and `tls.key`.
    pub secret: String,
    /// Who signed that.
    pub authority: Authority,
    /// Whether requests are refused while the webhook does not answer.
    pub fail_closed: bool,
    /// The policy, as TOML.
    pub policy: String,
    /// Namespaces about which it is not asked.
    pub exempt: Vec<String>,
    /// How many of it run.
    pub replicas: u32,
}

/// Groups, versions and resources that are looked at.
const RULES: [(&str, &str, &str); 4] = [
    ("''", "v1", "pods, pods/ephemeralcontainers, podtemplates, replicationcontrollers"),
    ("apps", "v1", "daemonsets, deployments, replicasets, statefulsets"),
    ("batch", "v1", "cronjobs, jobs"),
    ("argoproj.io", "v1alpha1", "rollouts"),
];

/// The objects that install the webhook, as YAML: namespace, account without a token, policy,
/// Deployment, Service, disruption budget, network policy, and the webhook configuration.
pub fn manifests(install: &Install) -> String {
    let Install { namespace, name, .. } = install;
    let mut text = format!(
        "\
apiVersion: v1
kind: Namespace
metadata:
  name: {namespace}
  labels: {{pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: {namespace}}}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}-policy, namespace: {namespace}}}
data:
  policy.toml: |
{}---
",
        indented(&install.policy, 4)
    );
    text.push_str(&deployment(install));
    let _ = write!(
        text,
        "\
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{app.kubernetes.io/name: {name}}}
  ports:
  - {{name: https, port: 443, targetPort: https}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  maxUnavailable: 1
  selector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}
---
# It dials nobody. Who asks it, the API server, has no pod that a policy could name.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  podSelector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}
  policyTypes: [Ingress, Egress]
  ingress:
  - ports: [{{port: https}}]
"
    );
    if install.authority == Authority::CertManager {
        text.push_str(&certificate(install));
    }
    text.push_str(&configuration(install));
    text
}

fn deployment(install: &Install) -> String {
    let Install { namespace, name, image, secret, replicas, .. } = install;
    format!(
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: {name}}}
    spec:
      serviceAccountName: {name}
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 40
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        seccompProfile: {{type: RuntimeDefault}}
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}
      containers:
      - name: webhook
        image: {image}
        args:
        - kube
        - admission
        - serve
        - --listen=0.0.0.0:8443
        - --policy=/etc/cofferdam/policy/policy.toml
        - --certificate=/etc/cofferdam/tls/tls.crt
        - --key=/etc/cofferdam/tls/tls.key
        ports:
        - {{name: https, containerPort: 8443}}
        livenessProbe:
          httpGet: {{path: /healthz, port: https, scheme: HTTPS}}
        readinessProbe:
          httpGet: {{path: /readyz, port: https, scheme: HTTPS}}
          periodSeconds: 5
        resources:
          requests: {{cpu: 100m, memory: 64Mi}}
          limits: {{memory: 256Mi}}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {{drop: [ALL]}}
        volumeMounts:
        - {{name: policy, mountPath: /etc/cofferdam/policy, readOnly: true}}
        - {{name: tls, mountPath: /etc/cofferdam/tls, readOnly: true}}
      volumes:
      - name: policy
        configMap: {{name: {name}-policy}}
      - name: tls
        secret: {{secretName: {secret}}}
"
    )
}

fn certificate(install: &Install) -> String {
    let Install { namespace, name, secret, .. } = install;
    format!(
        "\
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{selfSigned: {{}}}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  secretName: {secret}
  dnsNames: [{name}.{namespace}.svc]
  issuerRef: {{name: {name}, kind: Issuer}}
"
    )
}

fn configuration(install: &Install) -> String {
    let Install { namespace, name, .. } = install;
    let failure = if install.fail_closed { "Fail" } else { "Ignore" };
    let (annotation, bundle) = match &install.authority {
        Authority::CertManager => (
            format!("\n  annotations: {{cert-manager.io/inject-ca-from: {namespace}/{name}}}"),
            String::new(),
        ),
        Authority::Bundle(pem) => {
            (String::new(), format!("\n    caBundle: {}", STANDARD.encode(pem)))
        }
    };
    let mut exempt: Vec<&str> = install.exempt.iter().map(String::as_str).collect();
    // A webhook that is asked about its own pods can keep itself from starting.
    exempt.extend(["kube-system", namespace.as_str()]);
    exempt.sort_unstable();
    exempt.dedup();
    let mut text = format!(
        "\
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: {name}{annotation}
webhooks:
- name: workloads.cofferdam.dev
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: {failure}
  matchPolicy: Equivalent
  timeoutSeconds: 5
  clientConfig:
    service: {{namespace: {namespace}, name: {name}, path: /validate, port: 443}}{bundle}
  namespaceSelector:
    matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: [{}]
  rules:
",
        exempt.join(", ")
    );
    for (group, version, resources) in RULES {
        let _ = write!(
            text,
            "  - apiGroups: [{group}]\n    apiVersions: [{version}]\n    operations: [CREATE, UPDATE]\n    \
             resources: [{resources}]\n"
        );
    }
    text
}

fn indented(text: &str, by: usize) -> String {
    let indent = " ".repeat(by);
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("{indent}{line}\n"),
    });
    lines.collect()
}

//! Model providers and machine learning.

use cofferdam_finding::Severity::{High, Medium};

use super::Group;
use crate::secret::{
    Shape, Spec,
    check::Check,
    spec::{assigned, token},
};

pub(super) const GROUP: Group = Group {
    name: "model providers",
    why: "It runs up bills on the owner's account, and may open the files, conversations and \
          models that are kept there.",
    specs: SPECS,
};

const SPECS: &[Spec] = &[
    token(
        "anthropic-api-key",
        "Anthropic API key",
        High,
        &["sk-ant-api"],
        "sk-ant-api[0-9]{2}-[A-Za-z0-9_-]{93}AA",
        "sk-ant-{lit:api}03-{url:93}AA",
        "sk-ant-{lit:api}03-{url:40}AA",
    )
    .entropy(4.0)
    .see("https://docs.anthropic.com/"),
    token(
        "anthropic-admin-key",
        "Anthropic admin key",
        High,
        &["sk-ant-admin"],
        "sk-ant-admin[0-9]{2}-[A-Za-z0-9_-]{93}AA",
        "sk-ant-{lit:admin}01-{url:93}AA",
        "sk-ant-{lit:admin}01-{url:40}AA",
    )
    .entropy(4.0),
    token(
        "openai-api-key",
        "OpenAI API key",
        High,
        &["T3BlbkFJ"],
        "sk-(?:(?:proj|svcacct|admin)-)?[A-Za-z0-9_-]{20,74}T3BlbkFJ[A-Za-z0-9_-]{20,74}",
        "sk-proj-{url:74}T3BlbkFJ{url:74}",
        "sk-proj-T3BlbkFJ",
    )
    .shape(Shape::Inside(90))
    .entropy(4.0)
    .see("https://platform.openai.com/docs/api-reference/authentication"),
    token(
        "huggingface-token",
        "Hugging Face user access token",
        High,
        &["hf_"],
        "hf_[A-Za-z]{34}",
        "hf_{alpha:34}",
        "hf_{alpha:20}",
    )
    .entropy(3.8)
    .see("https://huggingface.co/docs/hub/security-tokens"),
    token(
        "huggingface-org-token",
        "Hugging Face organisation token",
        High,
        &["api_org_"],
        "api_org_[A-Za-z]{34}",
        "api_org_{alpha:34}",
        "api_org_{alpha:20}",
    )
    .entropy(3.8),
    token(
        "replicate-token",
        "Replicate API token",
        High,
        &["r8_"],
        "r8_[A-Za-z0-9]{37}",
        "REPLICATE_API_TOKEN=r8_{b62:37}",
        "r8_{b62:20}",
    )
    .entropy(3.8)
    .see("https://replicate.com/docs"),
    token(
        "groq-api-key",
        "Groq API key",
        High,
        &["gsk_"],
        "gsk_[A-Za-z0-9]{52}",
        "gsk_{b62:52}",
        "gsk_{b62:20}",
    )
    .entropy(4.0),
    token(
        "xai-api-key",
        "xAI API key",
        High,
        &["xai-"],
        "xai-[A-Za-z0-9]{80}",
        "xai-{b62:80}",
        "xai-{b62:20}",
    )
    .entropy(4.2),
    token(
        "perplexity-api-key",
        "Perplexity API key",
        High,
        &["pplx-"],
        "pplx-[A-Za-z0-9]{48}",
        "pplx-{b62:48}",
        "pplx-{b62:20}",
    )
    .entropy(4.0),
    token(
        "openrouter-api-key",
        "OpenRouter API key",
        High,
        &["sk-or-v1-"],
        "sk-or-v1-[a-f0-9]{64}",
        "sk-or-v1-{hex:64}",
        "sk-or-v1-{hex:20}",
    )
    .entropy(3.2),
    token(
        "fireworks-api-key",
        "Fireworks API key",
        High,
        &["fireworks"],
        "fw_[A-Za-z0-9]{24}",
        "FIREWORKS_API_KEY=fw_{b62:24}",
        "FIREWORKS_API_KEY=fw_{b62:10}",
    )
    .shape(Shape::Assigned)
    .entropy(3.8)
    .check(Check::Mixed),
    token(
        "nvidia-api-key",
        "NVIDIA API key",
        High,
        &["nvapi-"],
        "nvapi-[A-Za-z0-9_-]{64}",
        "nvapi-{url:64}",
        "nvapi-{url:20}",
    )
    .entropy(4.0),
    token(
        "wandb-api-key",
        "Weights & Biases API key",
        Medium,
        &["wandb_v1_"],
        "wandb_v1_[A-Za-z0-9_-]{60,90}",
        "wandb_v1_{b62:77}",
        "wandb_v1_{b62:20}",
    )
    .entropy(4.0),
    assigned(
        "wandb-key",
        "Weights & Biases API key of the old form",
        Medium,
        &["wandb"],
        "[a-f0-9]{40}",
        "WANDB_API_KEY={hex:40}",
        "WANDB_API_KEY={hex:20}",
    ),
    assigned(
        "cohere-api-key",
        "Cohere API key",
        High,
        &["cohere", "co_api_key"],
        "[A-Za-z0-9]{40}",
        "COHERE_API_KEY={b62:40}",
        "COHERE_API_KEY={b62:20}",
    )
    .entropy(4.2)
    .check(Check::Mixed),
    assigned(
        "mistral-api-key",
        "Mistral API key",
        High,
        &["mistral"],
        "[A-Za-z0-9]{32}",
        "MISTRAL_API_KEY={b62:32}",
        "MISTRAL_API_KEY={b62:20}",
    )
    .entropy(4.0)
    .check(Check::Mixed),
    assigned(
        "deepseek-api-key",
        "DeepSeek API key",
        High,
        &["deepseek"],
        "sk-[a-f0-9]{32}",
        "DEEPSEEK_API_KEY=sk-{hex:32}",
        "DEEPSEEK_API_KEY=sk-{hex:20}",
    ),
    assigned(
        "together-api-key",
        "Together AI API key",
        High,
        &["together_api", "togetherai"],
        "[a-f0-9]{64}",
        "TOGETHER_API_KEY={hex:64}",
        "TOGETHER_API_KEY={hex:20}",
    ),
    assigned(
        "stability-api-key",
        "Stability AI API key",
        High,
        &["stability"],
        "sk-[A-Za-z0-9]{48}",
        "STABILITY_API_KEY=sk-{b62:48}",
        "STABILITY_API_KEY=sk-{b62:20}",
    ),
    assigned(
        "elevenlabs-api-key",
        "ElevenLabs API key",
        High,
        &["elevenlabs", "eleven_api"],
        "(?:sk_[a-f0-9]{48}|[a-f0-9]{32})",
        "ELEVENLABS_API_KEY=sk_{hex:48}",
        "ELEVENLABS_API_KEY=sk_{hex:20}",
    ),
    assigned(
        "assemblyai-api-key",
        "AssemblyAI API key",
        High,
        &["assemblyai"],
        "[a-f0-9]{32}",
        "ASSEMBLYAI_API_KEY={hex:32}",
        "ASSEMBLYAI_API_KEY={hex:20}",
    ),
    assigned(
        "deepgram-api-key",
        "Deepgram API key",
        High,
        &["deepgram"],
        "[a-f0-9]{40}",
        "DEEPGRAM_API_KEY={hex:40}",
        "DEEPGRAM_API_KEY={hex:20}",
    ),
    token(
        "langsmith-api-key",
        "LangSmith API key",
        High,
        &["lsv2_pt_", "lsv2_sk_"],
        "lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
        "lsv2_pt_{hex:32}_{hex:10}",
        "lsv2_pt_{hex:32}",
    )
    .entropy(3.2),
    token(
        "langfuse-secret-key",
        "Langfuse secret key",
        High,
        &["sk-lf-"],
        "sk-lf-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "sk-lf-{uuid}",
        "sk-lf-{hex:8}",
    )
    .entropy(3.0),
    token(
        "pinecone-api-key",
        "Pinecone API key",
        High,
        &["pcsk_"],
        "pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{60,70}",
        "pcsk_{b62:6}_{b62:63}",
        "pcsk_{b62:6}_{b62:10}",
    )
    .entropy(4.0),
    assigned(
        "kaggle-key",
        "Kaggle API key",
        Medium,
        &["kaggle"],
        "[a-f0-9]{32}",
        "KAGGLE_KEY={hex:32}",
        "KAGGLE_KEY={hex:20}",
    ),
    assigned(
        "tavily-api-key",
        "Tavily API key",
        Medium,
        &["tavily"],
        "tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}",
        "TAVILY_API_KEY=tvly-{b62:32}",
        "TAVILY_API_KEY=tvly-{b62:20}",
    ),
    assigned(
        "voyage-api-key",
        "Voyage AI API key",
        Medium,
        &["voyage"],
        "pa-[A-Za-z0-9_-]{43}",
        "VOYAGE_API_KEY=pa-{url:43}",
        "VOYAGE_API_KEY=pa-{url:20}",
    ),
];

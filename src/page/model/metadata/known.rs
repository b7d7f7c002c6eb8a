//! The keys that trainers write: kohya's sd-scripts and musubi-tuner (`ss_`, `sshs_`), ModelSpec, ai-toolkit,
//! OneTrainer and diffusers.

/// The panels, in reading order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    About,
    Base,
    Network,
    Training,
    Dataset,
    Software,
    Other,
}

impl Part {
    pub const ALL: [Part; 7] =
        [Part::About, Part::Base, Part::Network, Part::Training, Part::Dataset, Part::Software, Part::Other];

    /// Stable word for hooks and ids.
    pub fn key(self) -> &'static str {
        match self {
            Part::About => "about",
            Part::Base => "base",
            Part::Network => "network",
            Part::Training => "training",
            Part::Dataset => "dataset",
            Part::Software => "software",
            Part::Other => "other",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Part::About => "What it is",
            Part::Base => "Base model",
            Part::Network => "Network",
            Part::Training => "Training",
            Part::Dataset => "Dataset",
            Part::Software => "Software and hashes",
            Part::Other => "Other entries",
        }
    }
}

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// A whole number, in groups of three digits.
    Count,
    Number,
    /// A learning rate: `1e-4`.
    Rate,
    /// Python's `True` and `False`.
    YesNo,
    /// Width and height, `(512, 512)`.
    Size,
    /// Seconds since 1970.
    Moment,
    /// A JSON object.
    Pairs,
    /// JSON of any length, read elsewhere.
    Folded,
}

pub(super) struct Known {
    pub key: &'static str,
    pub part: Part,
    pub form: Form,
    pub label: &'static str,
}

pub(super) fn is_known(key: &str) -> bool {
    KNOWN.iter().any(|known| known.key == key)
}

const fn known(part: Part, key: &'static str, form: Form, label: &'static str) -> Known {
    Known { key, part, form, label }
}

/// In reading order within each part.
#[rustfmt::skip] // a table
pub(super) const KNOWN: &[Known] = {
    use Form::*;
    use Part::*;
    &[
        known(About, "modelspec.title", Text, "Title"),
        known(About, "name", Text, "Name"),
        known(About, "ss_output_name", Text, "Output name"),
        known(About, "modelspec.author", Text, "Author"),
        known(About, "modelspec.license", Text, "License"),
        known(About, "modelspec.trigger_phrase", Text, "Trigger phrase"),
        known(About, "modelspec.usage_hint", Text, "Usage hint"),
        known(About, "modelspec.description", Text, "Description"),
        known(About, "modelspec.tags", Text, "Tags"),
        known(About, "modelspec.date", Text, "Date"),
        known(About, "modelspec.merged_from", Text, "Merged from"),
        known(About, "ss_training_comment", Text, "Training comment"),
        known(About, "modelspec.thumbnail", Text, "Thumbnail"),

        known(Base, "ss_base_model_version", Text, "Version"),
        known(Base, "modelspec.architecture", Text, "Architecture"),
        known(Base, "ss_sd_model_name", Text, "Checkpoint"),
        known(Base, "ss_sd_model_hash", Text, "Its hash, short"),
        known(Base, "ss_new_sd_model_hash", Text, "Its hash, SHA-256"),
        known(Base, "ss_v2", YesNo, "Stable Diffusion 2"),
        known(Base, "ss_vae_name", Text, "VAE"),
        known(Base, "ss_vae_hash", Text, "VAE hash, short"),
        known(Base, "ss_new_vae_hash", Text, "VAE hash, SHA-256"),
        known(Base, "modelspec.prediction_type", Text, "Prediction type"),
        known(Base, "modelspec.resolution", Size, "Resolution"),
        known(Base, "modelspec.encoder_layer", Text, "Text encoder layer"),
        known(Base, "modelspec.timestep_range", Text, "Timestep range"),

        known(Network, "ss_network_module", Text, "Module"),
        known(Network, "ss_network_dim", Number, "Dim (rank)"),
        known(Network, "ss_network_alpha", Number, "Alpha"),
        known(Network, "ss_network_dropout", Number, "Dropout"),
        known(Network, "ss_network_args", Pairs, "Arguments"),
        known(Network, "ss_scale_weight_norms", Number, "Scale weight norms"),
        known(Network, "lora_adapter_metadata", Pairs, "LoRA config"),

        known(Training, "ss_steps", Count, "Steps"),
        known(Training, "ss_max_train_steps", Count, "Steps planned"),
        known(Training, "training_info", Pairs, "Reached"),
        known(Training, "ss_epoch", Count, "Epoch"),
        known(Training, "ss_num_epochs", Count, "Epochs planned"),
        known(Training, "ss_learning_rate", Rate, "Learning rate"),
        known(Training, "ss_unet_lr", Rate, "Learning rate, U-Net"),
        known(Training, "ss_text_encoder_lr", Rate, "Learning rate, text encoder"),
        known(Training, "ss_lr_scheduler", Text, "Scheduler"),
        known(Training, "ss_lr_warmup_steps", Count, "Warm-up steps"),
        known(Training, "ss_optimizer", Text, "Optimizer"),
        known(Training, "ss_optimizer_args", Text, "Optimizer arguments"),
        known(Training, "ss_resolution", Size, "Resolution"),
        known(Training, "ss_mixed_precision", Text, "Precision"),
        known(Training, "ss_full_fp16", YesNo, "All in fp16"),
        known(Training, "ss_fp8_base", YesNo, "Base model in fp8"),
        known(Training, "ss_total_batch_size", Count, "Batch size"),
        known(Training, "ss_batch_size_per_device", Count, "Batch size per device"),
        known(Training, "ss_gradient_accumulation_steps", Count, "Gradient accumulation"),
        known(Training, "ss_gradient_checkpointing", YesNo, "Gradient checkpointing"),
        known(Training, "ss_max_grad_norm", Number, "Gradient norm, at most"),
        known(Training, "ss_loss_type", Text, "Loss"),
        known(Training, "ss_huber_schedule", Text, "Huber schedule"),
        known(Training, "ss_huber_c", Number, "Huber c"),
        known(Training, "ss_min_snr_gamma", Number, "Min-SNR γ"),
        known(Training, "ss_debiased_estimation", YesNo, "Debiased estimation"),
        known(Training, "ss_noise_offset", Number, "Noise offset"),
        known(Training, "ss_noise_offset_random_strength", YesNo, "Noise offset of random strength"),
        known(Training, "ss_adaptive_noise_scale", Number, "Adaptive noise scale"),
        known(Training, "ss_multires_noise_iterations", Count, "Multires noise iterations"),
        known(Training, "ss_multires_noise_discount", Number, "Multires noise discount"),
        known(Training, "ss_ip_noise_gamma", Number, "Input perturbation noise γ"),
        known(Training, "ss_zero_terminal_snr", YesNo, "Zero terminal SNR"),
        known(Training, "ss_prior_loss_weight", Number, "Prior loss weight"),
        known(Training, "ss_timestep_sampling", Text, "Timestep sampling"),
        known(Training, "ss_weighting_scheme", Text, "Weighting scheme"),
        known(Training, "ss_discrete_flow_shift", Number, "Flow shift"),
        known(Training, "ss_guidance_scale", Number, "Guidance scale"),
        known(Training, "ss_clip_skip", Count, "CLIP skip"),
        known(Training, "ss_max_token_length", Count, "Tokens, at most"),
        known(Training, "ss_seed", Text, "Seed"),
        known(Training, "ss_training_started_at", Moment, "Started"),
        known(Training, "ss_training_finished_at", Moment, "Finished"),

        known(Dataset, "ss_num_train_images", Count, "Images, with repeats"),
        known(Dataset, "ss_num_reg_images", Count, "Regularisation images"),
        known(Dataset, "ss_num_validation_images", Count, "Validation images"),
        known(Dataset, "ss_num_batches_per_epoch", Count, "Batches per epoch"),
        known(Dataset, "ss_enable_bucket", YesNo, "Buckets"),
        known(Dataset, "ss_min_bucket_reso", Count, "Smallest bucket side"),
        known(Dataset, "ss_max_bucket_reso", Count, "Largest bucket side"),
        known(Dataset, "ss_bucket_no_upscale", YesNo, "No upscaling"),
        known(Dataset, "ss_cache_latents", YesNo, "Cached latents"),
        known(Dataset, "ss_caption_dropout_rate", Number, "Caption dropout"),
        known(Dataset, "ss_caption_dropout_every_n_epochs", Count, "Caption dropout, every so many epochs"),
        known(Dataset, "ss_caption_tag_dropout_rate", Number, "Tag dropout"),
        known(Dataset, "ss_shuffle_caption", YesNo, "Shuffled captions"),
        known(Dataset, "ss_keep_tokens", Count, "Tokens kept in place"),
        known(Dataset, "ss_color_aug", YesNo, "Colour augmentation"),
        known(Dataset, "ss_flip_aug", YesNo, "Flip augmentation"),
        known(Dataset, "ss_random_crop", YesNo, "Random crop"),
        known(Dataset, "ss_face_crop_aug_range", Text, "Face crop"),
        known(Dataset, "ss_dataset_dirs", Folded, "Folders, as written"),
        known(Dataset, "ss_reg_dataset_dirs", Folded, "Regularisation folders, as written"),
        known(Dataset, "ss_datasets", Folded, "Datasets, as written"),
        known(Dataset, "ss_bucket_info", Folded, "Buckets, as written"),
        known(Dataset, "ss_tag_frequency", Folded, "Tags, as written"),

        known(Software, "software", Pairs, "Trainer"),
        known(Software, "modelspec.implementation", Text, "Implementation"),
        known(Software, "ss_sd_scripts_commit_hash", Text, "sd-scripts commit"),
        known(Software, "ot_branch", Text, "OneTrainer branch"),
        known(Software, "ot_revision", Text, "OneTrainer revision"),
        known(Software, "ot_config", Folded, "OneTrainer config"),
        known(Software, "ss_session_id", Text, "Session"),
        known(Software, "sshs_model_hash", Text, "Hash of this file"),
        known(Software, "sshs_legacy_hash", Text, "Hash of this file, legacy"),
        known(Software, "modelspec.hash_sha256", Text, "Hash of the tensors, SHA-256"),
        known(Software, "modelspec.sai_model_spec", Text, "ModelSpec version"),
        known(Software, "format", Text, "Format"),
    ]
};

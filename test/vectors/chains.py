"""The chains that vectors are made for: file name -> label -> the expression.

Each expression is evaluated here with Optax's names and sent to the service as it stands.
A name has one chain for every branch of its options; both positional and keyword forms occur.
"""

CHAINS: dict[str, dict[str, str]] = {
    # Transformations
    "identity": {
        "default": "identity()",
        "in_chain": "chain(identity(), scale(2.0), identity())",
    },
    "clip": {
        "sometimes": "clip(1.0)",
        "always": "clip(1e-4)",
        "never": "clip(max_delta=1e3)",
        "integer": "clip(2)",
    },
    "clip_by_global_norm": {
        "sometimes": "clip_by_global_norm(1.0)",
        "at_the_norm": "clip_by_global_norm(4.0)",
        "always": "clip_by_global_norm(1e-4)",
        "never": "clip_by_global_norm(max_norm=1e6)",
        "zero_gradients": "chain(scale(0.0), clip_by_global_norm(1.0))",
        "after_state": "chain(scale_by_adam(), clip_by_global_norm(5.0), scale(-0.1))",
        "twice": "chain(clip_by_global_norm(10.0), add_decayed_weights(0.1), clip_by_global_norm(2.0))",
    },
    "centralize": {
        "default": "centralize()",
        "twice": "chain(centralize(), scale(3.0), centralize())",
        "after_weight_decay": "chain(add_decayed_weights(0.1), centralize())",
    },
    "scale": {
        "half": "scale(0.5)",
        "negative": "scale(step_size=-1e-3)",
        "zero": "scale(0.0)",
        "integer": "scale(3)",
    },
    "scale_by_learning_rate": {
        "number": "scale_by_learning_rate(0.1)",
        "keep_sign": "scale_by_learning_rate(0.1, flip_sign=False)",
        "none": "scale_by_learning_rate(None)",
        "schedule": "scale_by_learning_rate(linear_schedule(0.1, 0.01, 7))",
        "schedule_keep_sign": "scale_by_learning_rate(cosine_decay_schedule(0.1, 7), flip_sign=False)",
    },
    "scale_by_schedule": {
        "constant": "scale_by_schedule(constant_schedule(-0.1))",
        "linear": "scale_by_schedule(linear_schedule(-0.1, -0.01, 7))",
        "cosine": "scale_by_schedule(step_size_fn=cosine_decay_schedule(init_value=1.0, decay_steps=8))",
        "warmup_cosine": "scale_by_schedule(warmup_cosine_decay_schedule(0.0, 1.0, 3, 8))",
    },
    "scale_by_adam": {
        "default": "scale_by_adam()",
        "nesterov": "scale_by_adam(nesterov=True)",
        "eps_root": "scale_by_adam(eps_root=1e-3)",
        "decays": "scale_by_adam(b1=0.5, b2=0.9, eps=1e-3)",
        "zero_decays": "scale_by_adam(0.0, 0.0)",
        "bfloat16": "scale_by_adam(mu_dtype=jnp.bfloat16)",
        "bfloat16_nesterov": "scale_by_adam(0.95, 0.99, mu_dtype=jnp.bfloat16, nesterov=True)",
    },
    "scale_by_rms": {
        "default": "scale_by_rms()",
        "initial_scale": "scale_by_rms(initial_scale=1.0)",
        "eps_outside": "scale_by_rms(eps_in_sqrt=False)",
        "bias_correction": "scale_by_rms(bias_correction=True)",
        "bias_correction_eps_outside": "scale_by_rms(0.99, 1e-3, eps_in_sqrt=False, bias_correction=True)",
        "all": "scale_by_rms(decay=0.5, eps=1e-2, initial_scale=0.1, eps_in_sqrt=True, bias_correction=True)",
    },
    # Where the first step is bias-corrected nu - mu**2 is all rounding, hence the larger eps there.
    "scale_by_stddev": {
        "default": "scale_by_stddev()",
        "initial_scale": "scale_by_stddev(initial_scale=1.0)",
        "eps_outside": "scale_by_stddev(eps_in_sqrt=False)",
        "bias_correction": "scale_by_stddev(0.9, 0.1, bias_correction=True)",
        "bias_correction_eps_outside": (
            "scale_by_stddev(0.8, 0.1, initial_scale=1.0, eps_in_sqrt=False, bias_correction=True)"
        ),
    },
    "trace": {
        "default": "trace(0.9)",
        "nesterov": "trace(decay=0.9, nesterov=True)",
        "zero_decay": "trace(0.0)",
        "bfloat16": "trace(0.9, accumulator_dtype=jnp.bfloat16)",
        "bfloat16_nesterov": "trace(0.9, True, jnp.bfloat16)",
    },
    "ema": {
        "default": "ema(0.9)",
        "raw": "ema(0.9, debias=False)",
        "slow": "ema(decay=0.999, debias=True)",
        "bfloat16": "ema(0.9, accumulator_dtype=jnp.bfloat16)",
        "bfloat16_raw": "ema(0.9, False, jnp.bfloat16)",
    },
    "add_decayed_weights": {
        "number": "add_decayed_weights(0.1)",
        "default": "add_decayed_weights()",
        "zero": "add_decayed_weights(weight_decay=0.0)",
        "descent": "chain(add_decayed_weights(1e-2), scale(-0.1))",
        "schedule": "chain(add_decayed_weights(linear_schedule(0.1, 0.0, 6, 2)), scale(-0.1))",
        "constant_schedule": "chain(add_decayed_weights(constant_schedule(0.1)), scale(-0.1))",
    },
    "chain": {
        "clip_centralize_adam": "chain(clip(1.0), centralize(), adam(1e-3))",
        "centralize_clip_adam": "chain(centralize(), clip(1.0), adam(1e-3))",
        "centralize_rmsprop_scale": "chain(centralize(), rmsprop(1e-3), scale(0.5))",
        "nested": "chain(chain(clip(1.0), centralize()), chain(adam(1e-3)))",
        "deeply_nested": "chain(chain(chain(clip_by_global_norm(1.0)), trace(0.9)), chain(identity(), scale(-0.1)))",
        "single": "chain(scale(-0.1))",
        "same_twice": "chain(trace(0.9), trace(0.5), ema(0.9), ema(0.5, debias=False))",
        "adam_by_hand": "chain(scale_by_adam(b1=0.9, b2=0.99), add_decayed_weights(1e-2), scale_by_learning_rate(1e-2))",
        "two_schedules": (
            "chain(clip_by_global_norm(1.0), scale_by_schedule(linear_schedule(1.0, 0.1, 5)),"
            " adamw(warmup_cosine_decay_schedule(0.0, 1e-2, 3, 8)))"
        ),
        "prefixed": "optax.chain(optax.clip(1.0), optax.centralize(), optax.adamw(learning_rate=1e-2))",
        "long": (
            "chain(clip(5.0), centralize(), clip_by_global_norm(2.0), scale_by_rms(bias_correction=True), ema(0.9),"
            " add_decayed_weights(1e-2), trace(0.9, nesterov=True), scale_by_learning_rate(cosine_decay_schedule(0.1, 20)),"
            " scale(0.5))"
        ),
    },
    # Optimizers
    "sgd": {
        "default": "sgd(0.1)",
        "momentum": "sgd(0.1, momentum=0.9)",
        "nesterov": "sgd(0.1, momentum=0.9, nesterov=True)",
        "nesterov_without_momentum": "sgd(0.1, None, True)",
        "zero_momentum": "sgd(0.1, momentum=0.0)",
        "bfloat16": "sgd(0.1, momentum=0.9, accumulator_dtype=jnp.bfloat16)",
        "schedule": "sgd(learning_rate=cosine_decay_schedule(0.1, 8), momentum=0.9)",
    },
    "adam": {
        "default": "adam(1e-3)",
        "nesterov": "adam(1e-3, nesterov=True)",
        "eps_root": "adam(1e-3, eps_root=1e-6)",
        "decays": "adam(learning_rate=0.1, b1=0.8, b2=0.95, eps=1e-4)",
        "positional": "adam(1e-2, 0.8, 0.9, 1e-6, 1e-6)",
        "bfloat16": "adam(1e-3, mu_dtype=jnp.bfloat16)",
        "schedule": "adam(linear_schedule(1e-2, 1e-3, 5))",
    },
    "adamw": {
        "default": "adamw(1e-3)",
        "weight_decay": "adamw(1e-2, weight_decay=0.1)",
        "no_weight_decay": "adamw(1e-3, weight_decay=0.0)",
        "nesterov": "adamw(1e-2, weight_decay=1e-2, nesterov=True)",
        "eps_root": "adamw(1e-2, b1=0.8, b2=0.9, eps=1e-3, eps_root=1e-3)",
        "bfloat16": "adamw(1e-2, mu_dtype=jnp.bfloat16, weight_decay=0.1)",
        "schedule": "adamw(warmup_cosine_decay_schedule(0.0, 1e-2, 3, 8), weight_decay=0.1)",
        "weight_decay_schedule": "adamw(1e-2, weight_decay=linear_schedule(0.1, 0.0, 5))",
    },
    "rmsprop": {
        "default": "rmsprop(1e-3)",
        "centered": "rmsprop(1e-3, centered=True)",
        "momentum": "rmsprop(1e-2, momentum=0.9)",
        "nesterov": "rmsprop(1e-2, decay=0.99, momentum=0.9, nesterov=True)",
        "initial_scale": "rmsprop(1e-3, initial_scale=1.0)",
        "eps_outside": "rmsprop(1e-3, eps_in_sqrt=False)",
        "bias_correction": "rmsprop(1e-3, bias_correction=True)",
        "centered_all": (
            "rmsprop(1e-2, 0.8, 0.1, 1.0, False, centered=True, momentum=0.9, nesterov=True, bias_correction=True)"
        ),
        "schedule": "rmsprop(linear_schedule(1e-2, 1e-3, 5), momentum=0.9)",
    },
    # Schedules
    "constant_schedule": {
        "default": "sgd(constant_schedule(0.1))",
        "zero": "sgd(constant_schedule(value=0.0))",
    },
    "linear_schedule": {
        "default": "sgd(linear_schedule(0.1, 0.01, 7))",
        "up": "sgd(linear_schedule(init_value=0.0, end_value=0.1, transition_steps=20))",
        "to_zero": "sgd(linear_schedule(0.1, 0.0, 5))",
        "transition_begin": "sgd(linear_schedule(0.1, 0.01, 4, transition_begin=3))",
        "begin_after_the_end": "sgd(linear_schedule(0.1, 0.01, 4, 100))",
        "negative_begin": "sgd(linear_schedule(0.1, 0.01, 4, -3))",
        "zero_steps": "sgd(linear_schedule(0.1, 0.01, 0))",
        "negative_steps": "sgd(linear_schedule(0.1, 0.01, -5, 2))",
    },
    "cosine_decay_schedule": {
        "default": "sgd(cosine_decay_schedule(0.1, 20))",
        "past_the_end": "sgd(cosine_decay_schedule(0.1, 6))",
        "alpha": "sgd(cosine_decay_schedule(0.1, 7, alpha=0.1))",
        "exponent": "sgd(cosine_decay_schedule(0.1, 7, exponent=2.0))",
        "root": "sgd(cosine_decay_schedule(0.1, 7, 0.0, 0.5))",
        "alpha_exponent": "sgd(cosine_decay_schedule(init_value=0.1, decay_steps=8, alpha=0.2, exponent=1.5))",
    },
    "warmup_cosine_decay_schedule": {
        "default": "sgd(warmup_cosine_decay_schedule(0.0, 0.1, 3, 20))",
        "past_the_end": "sgd(warmup_cosine_decay_schedule(0.01, 0.1, 3, 7))",
        "end_value": "sgd(warmup_cosine_decay_schedule(0.0, 0.1, 2, 8, end_value=0.01))",
        "exponent": "sgd(warmup_cosine_decay_schedule(0.0, 0.1, 2, 8, 0.01, 2.0))",
        "no_warmup": "sgd(warmup_cosine_decay_schedule(0.0, 0.1, 0, 8))",
        "zero_peak": "sgd(warmup_cosine_decay_schedule(0.1, 0.0, 4, 8, end_value=0.05))",
        "long_warmup": (
            "sgd(warmup_cosine_decay_schedule(init_value=0.0, peak_value=0.1, warmup_steps=100, decay_steps=10000))"
        ),
    },
}

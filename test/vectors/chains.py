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
        "mask": "add_decayed_weights(0.1, mask=ndim(2))",
        "mask_schedule": "add_decayed_weights(linear_schedule(0.1, 0.0, 6), {'b*': False, '**': True})",
    },
    "adaptive_grad_clip": {
        "sometimes": "adaptive_grad_clip(0.1)",
        "always": "adaptive_grad_clip(clipping=1e-3, eps=1e-4)",
        "eps": "adaptive_grad_clip(0.5, 2.0)",
        "no_axis": "adaptive_grad_clip(0.5, axis=())",
        "last_axis": (
            'masked(adaptive_grad_clip(0.1, axis=-1),'
            ' {"bias": True, "conv": True, "dense": True, "embed": True, "gain": False})'
        ),
        "first_axis": (
            'masked(adaptive_grad_clip(0.1, axis=(0,)),'
            ' {"bias": True, "conv": True, "dense": True, "embed": True, "gain": False})'
        ),
        "two_axes": (
            'masked(adaptive_grad_clip(0.1, 1e-3, (2, 0)),'
            ' {"bias": False, "conv": True, "dense": False, "embed": True, "gain": False})'
        ),
        "in_chain": "chain(centralize(), adaptive_grad_clip(0.2), centralize(), adam(1e-2))",
    },
    # Tensors of rank 0 fail in Optax.
    "scale_by_sm3": {
        "default": (
            'masked(scale_by_sm3(), {"bias": True, "conv": True, "dense": True, "embed": True, "gain": False})'
        ),
        "decays": (
            'masked(scale_by_sm3(0.5, b2=0.9), {"bias": True, "conv": True, "dense": True, "embed": True, "gain": False})'
        ),
        "eps": (
            'masked(scale_by_sm3(eps=0.1), {"bias": True, "conv": True, "dense": True, "embed": True, "gain": False})'
        ),
    },
    # Factored where two axes are that long: embed and dense from 3, conv too from 2.
    "scale_by_factored_rms": {
        "default": "scale_by_factored_rms()",
        "factored": "scale_by_factored_rms(min_dim_size_to_factor=3)",
        "all_factored": "scale_by_factored_rms(True, 0.6, min_dim_size_to_factor=2)",
        "not_factored": "scale_by_factored_rms(factored=False, min_dim_size_to_factor=2)",
        "epsilon": "scale_by_factored_rms(min_dim_size_to_factor=1, epsilon=1e-2)",
        "offset": "scale_by_factored_rms(step_offset=-3, min_dim_size_to_factor=3)",
        "in_chain": (
            "chain(centralize(), scale_by_factored_rms(min_dim_size_to_factor=2), clip_by_global_norm(1.0), scale(-0.1))"
        ),
    },
    "add_noise": {
        "default": "add_noise(0.01, 0.55)",
        "key": "add_noise(1.0, 0.0, key=42)",
        "wide_key": "add_noise(0.1, 1.0, key=123456789012345)",
        "negative_key": "add_noise(0.1, 0.5, -7)",
        "seed": "add_noise(eta=0.1, gamma=0.55, seed=3)",
        "twice": "chain(add_noise(1.0, 0.5, 1), scale(0.5), add_noise(0.1, 0.5, 2))",
        "some_tensors": (
            'masked(add_noise(1.0, 0.5, 5),'
            ' {"bias": False, "conv": True, "dense": False, "embed": True, "gain": True})'
        ),
    },
    "scale_by_galore": {
        "default": "scale_by_galore()",
        "rank": "scale_by_galore(2)",
        "one": "scale_by_galore(rank=1, scale=0.5)",
        "gap": "scale_by_galore(2, 3)",
        "trace": "scale_by_galore(2, 2, 0.25, trace(0.9))",
        "stateless": "scale_by_galore(1, 4, base_optimizer=scale_by_sign())",
        "chain": "scale_by_galore(2, 3, base_optimizer=chain(clip_by_global_norm(1.0), scale_by_adam(b1=0.8, nesterov=True)))",
        "rows": 'scale_by_galore(2, 3, base_optimizer=chain(centralize(), masked(scale_by_sm3(), {"gain": False, "**": True})))',
        "bfloat16": "scale_by_galore(2, base_optimizer=scale_by_adam(mu_dtype=jnp.bfloat16))",
        "noise": "scale_by_galore(2, base_optimizer=add_noise(0.1, 0.55, 3))",
        "nested": "scale_by_galore(2, 2, base_optimizer=scale_by_galore(1, 3, 2.0, trace(0.9)))",
        "dimension_numbers": (
            'scale_by_galore(3, 3, weight_dimension_numbers={"bias": None, "conv": GaLoreDimensionNumbers((1, 3), (0, -2)),'
            ' "dense": GaLoreDimensionNumbers(1, output_axis=0), "embed": GaLoreDimensionNumbers((2,), (0, 1)), "gain": None})'
        ),
        "masked": 'masked(scale_by_galore(2, 3), ["dense", "gain"])',
        "within_multi_steps": "MultiSteps(scale_by_galore(2, 2), 2)",
    },
    "scale_by_muon": {
        "default": (
            'masked(scale_by_muon(),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "plain": (
            'masked(scale_by_muon(nesterov=False),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "coefficients": (
            'masked(scale_by_muon((2.0, -1.5, 0.5), 3, 0.9, 1e-3),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "coefficients_by_step": (
            'masked(scale_by_muon([(4.0, -6.5, 2.9), (3.0, -3.2, 1.2), (2.0, -1.5, 0.5)]),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "no_steps": (
            'masked(scale_by_muon(ns_steps=0),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "adaptive": (
            'masked(scale_by_muon(adaptive=True),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "bfloat16": (
            'masked(scale_by_muon(mu_dtype=jnp.bfloat16),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "spectral": (
            'masked(scale_by_muon(preconditioning="spectral"),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "aol": (
            'masked(scale_by_muon(preconditioning="aol"),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "schatten": (
            'masked(scale_by_muon(preconditioning="schatten"),'
            ' {"bias": False, "conv": False, "dense": True, "embed": False, "gain": False})'
        ),
        "dimension_numbers": (
            'masked(scale_by_muon(weight_dimension_numbers={"conv": MuonDimensionNumbers((1, 2), (-1,)),'
            ' "dense": MuonDimensionNumbers(), "embed": MuonDimensionNumbers(2, output_axis=0)}), ["conv", "dense", "embed"])'
        ),
    },
    "set_to_zero": {
        "default": "set_to_zero()",
        "after_state": "chain(scale_by_adam(), set_to_zero(), add_decayed_weights(-0.1))",
    },
    "scale_by_sign": {
        "default": "scale_by_sign()",
        "after_centralize": "chain(centralize(), scale_by_sign())",
    },
    "scale_by_amsgrad": {
        "default": "scale_by_amsgrad()",
        "eps_root": "scale_by_amsgrad(eps_root=1e-3)",
        "decays": "scale_by_amsgrad(0.5, 0.9, 1e-3)",
        "paper": "scale_by_amsgrad(bias_correction_mu=False, bias_correction_nu=False)",
        "raw_mu": "scale_by_amsgrad(b1=0.8, b2=0.9, bias_correction_mu=False)",
        "raw_nu": "scale_by_amsgrad(b1=0.8, b2=0.9, bias_correction_nu=False)",
        "bfloat16": "scale_by_amsgrad(mu_dtype=jnp.bfloat16)",
    },
    "scale_by_adamax": {
        "default": "scale_by_adamax()",
        "decays": "scale_by_adamax(0.5, 0.8)",
        "eps": "scale_by_adamax(eps=0.1)",
    },
    "scale_by_adan": {
        "default": "scale_by_adan()",
        "decays": "scale_by_adan(0.9, 0.8, 0.95)",
        "eps": "scale_by_adan(eps=0.1)",
        "eps_root": "scale_by_adan(b2=0.5, eps_root=1e-2)",
    },
    "scale_by_belief": {
        "default": "scale_by_belief()",
        "nesterov": "scale_by_belief(nesterov=True)",
        "eps": "scale_by_belief(0.8, 0.9, 1e-3)",
        "eps_root": "scale_by_belief(b2=0.9, eps_root=1e-2)",
        "nesterov_eps": "scale_by_belief(0.95, 0.99, 1e-2, 1e-3, nesterov=True)",
    },
    "scale_by_yogi": {
        "default": "scale_by_yogi()",
        "decays": "scale_by_yogi(0.5, 0.9, 1e-2)",
        "eps_root": "scale_by_yogi(b2=0.9, eps_root=1e-2)",
        "accumulator": "scale_by_yogi(b2=0.8, initial_accumulator_value=1.0)",
    },
    # Nearly equal numbers are subtracted for the rectification: with the default b2 the last bit of b2**count is 1e-11
    # of the update.
    "scale_by_radam": {
        "default": "scale_by_radam()",
        "decays": "scale_by_radam(0.8, 0.9)",
        "nesterov": "scale_by_radam(b2=0.9, nesterov=True)",
        "eps": "scale_by_radam(0.9, 0.95, 1e-2, 1e-3)",
        "threshold": "scale_by_radam(b2=0.9, threshold=7.0)",
        "never": "scale_by_radam(b2=0.5, threshold=4.0)",
    },
    "scale_by_lion": {
        "default": "scale_by_lion()",
        "decays": "scale_by_lion(0.5, 0.8)",
        "smooth": "scale_by_lion(mode='smooth')",
        "smooth_beta": "scale_by_lion(mode='smooth', smooth_beta=0.1)",
        "refined": "scale_by_lion(mode='refined')",
        "bfloat16": "scale_by_lion(0.9, 0.99, jnp.bfloat16)",
        "bfloat16_refined": "scale_by_lion(mu_dtype=jnp.bfloat16, mode='refined')",
    },
    "scale_by_adadelta": {
        "default": "scale_by_adadelta()",
        "rho": "scale_by_adadelta(0.5, 1e-2)",
        "slow": "scale_by_adadelta(rho=0.99)",
    },
    "scale_by_rss": {
        "default": "scale_by_rss()",
        "from_zero": "scale_by_rss(initial_accumulator_value=0.0)",
        "eps": "scale_by_rss(1.0, 0.1)",
    },
    "scale_by_rprop": {
        "default": "scale_by_rprop(0.1)",
        "factors": "scale_by_rprop(0.1, 0.3, 2.0)",
        "bounds": "scale_by_rprop(learning_rate=0.1, min_step_size=0.05, max_step_size=0.12)",
        "beyond_the_bounds": "scale_by_rprop(1.0, max_step_size=0.5)",
    },
    "scale_by_optimistic_gradient": {
        "default": "scale_by_optimistic_gradient()",
        "alpha": "scale_by_optimistic_gradient(0.5)",
        "beta": "scale_by_optimistic_gradient(alpha=1.0, beta=0.3)",
        "after_state": "chain(scale_by_adam(), scale_by_optimistic_gradient(0.1, 0.2))",
    },
    # With mu_dtype all updates are bfloat16; adding the float64 parameters makes them float64.
    "scale_by_novograd": {
        "default": "scale_by_novograd()",
        "decays": "scale_by_novograd(0.5, 0.9)",
        "eps": "scale_by_novograd(eps=0.1, eps_root=1e-2)",
        "weight_decay": "chain(scale_by_novograd(weight_decay=0.1), scale(-0.1))",
        "bfloat16": "chain(scale_by_novograd(mu_dtype=jnp.bfloat16), add_decayed_weights(0.1))",
    },
    "scale_by_trust_ratio": {
        "default": "scale_by_trust_ratio()",
        "min_norm": "scale_by_trust_ratio(1.0)",
        "coefficient": "scale_by_trust_ratio(trust_coefficient=1e-3)",
        "eps": "chain(scale_by_trust_ratio(0.0, 0.1, 0.5), scale(-0.1))",
        "zero_parameter": "chain(scale_by_trust_ratio(), scale(-1.0), keep_params_nonnegative())",
    },
    "scale_by_param_block_norm": {
        "default": "scale_by_param_block_norm()",
        "min_scale": "scale_by_param_block_norm(3.0)",
        "descent": "chain(scale_by_param_block_norm(min_scale=0.1), scale(-0.1))",
    },
    "scale_by_param_block_rms": {
        "default": "scale_by_param_block_rms()",
        "min_scale": "scale_by_param_block_rms(1.0)",
        "descent": "chain(scale_by_param_block_rms(min_scale=0.1), scale(-0.1))",
    },
    # Parameters must go a long way: where they hardly move, their distance from the first ones is all rounding.
    "scale_by_distance_over_gradients": {
        "default": "chain(scale_by_distance_over_gradients(), scale(-1e3))",
        "large": "chain(scale_by_distance_over_gradients(0.1), scale(-1.0))",
        "eps": "scale_by_distance_over_gradients(reps_rel=0.3, eps=1.0)",
        "descent": "scale_by_distance_over_gradients(0.1, global_scale=-0.5)",
        "bfloat16": "scale_by_distance_over_gradients(0.1, param_dtype=jnp.bfloat16, global_scale=-1.0)",
    },
    "scale_by_polyak": {
        "default": "scale_by_polyak()",
        "f_min": "scale_by_polyak(2.0)",
        "positive": "scale_by_polyak(f_min=2.0, variant='sps+')",
        "max_learning_rate": "scale_by_polyak(max_learning_rate=0.1)",
        "eps": "scale_by_polyak(0.0, 10.0, 1.0)",
        "descent": "chain(scale(-1.0), scale_by_polyak())",
    },
    # Of gradients that have nothing to do with the parameters the curvature is of any sign, and the answer ill conditioned.
    "scale_by_lbfgs": {
        "default": "chain(clip(1e-3), add_decayed_weights(1.0), scale_by_lbfgs(), scale(-0.5))",
        "memory": "chain(clip(1e-2), add_decayed_weights(1.0), scale_by_lbfgs(3), scale(-0.1))",
        "one": "chain(clip(1e-2), add_decayed_weights(1.0), scale_by_lbfgs(memory_size=1), scale(-0.1))",
        "unscaled": "chain(clip(1e-2), add_decayed_weights(2.0), scale_by_lbfgs(4, scale_init_precond=False), scale(-0.1))",
        "ascent": "chain(clip(1e-2), scale_by_lbfgs(2), scale(0.01))",
    },
    "normalize_by_update_norm": {
        "default": "normalize_by_update_norm()",
        "scale_factor": "normalize_by_update_norm(-3.0)",
        "eps": "normalize_by_update_norm(scale_factor=2.0, eps=1.0)",
    },
    "apply_every": {
        "default": "apply_every()",
        "three": "apply_every(3)",
        "sum_of_adam": "chain(scale_by_adam(), apply_every(k=4), scale(-0.1))",
    },
    "clip_by_block_rms": {
        "sometimes": "clip_by_block_rms(1.0)",
        "always": "clip_by_block_rms(1e-4)",
        "never": "clip_by_block_rms(threshold=1e3)",
        "after_state": "chain(scale_by_adam(), clip_by_block_rms(0.5), scale(-0.1))",
    },
    "keep_params_nonnegative": {
        "default": "keep_params_nonnegative()",
        "descent": "chain(scale(-0.1), keep_params_nonnegative())",
        "after_state": "chain(adam(0.3), keep_params_nonnegative())",
    },
    # Without eps the parameter that never gets a gradient is 0 / 0, and all are at step 6 without state.
    "zero_nans": {
        "none": "zero_nans()",
        "one": "chain(scale_by_rms(eps=0.0), zero_nans())",
        "all": "chain(normalize_by_update_norm(eps=0.0), zero_nans())",
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
    # Transformations that hold others. Where inputs must not be finite they are scaled beyond float64 first.
    "masked": {
        "pattern": "masked(scale(-0.1), 'dense')",
        "globs": "masked(trace(0.9), ['b*', '?ense'])",
        "ndim": "masked(scale_by_adam(), ndim(2))",
        "mapping": "masked(sgd(0.1, momentum=0.9), {'bias': False, 'ndim(0)': False, '**': True})",
        "all": "masked(scale(-0.1), True)",
        "none": "masked(scale(-0.1), mask=False)",
        "norm_within": "masked(clip_by_global_norm(0.5), ['bias', 'embed'])",
        "norm_after": "chain(masked(scale(3.0), 'c*'), clip_by_global_norm(1.0))",
        "schedule": "masked(sgd(linear_schedule(0.1, 0.0, 7)), ndim(1))",
        "twice": "masked(chain(masked(trace(0.9), 'dense'), scale(-0.1)), {'gain': False, '**': True})",
    },
    "freeze": {
        "some": "chain(adam(1e-2), freeze('dense'))",
        "all": "freeze(True)",
        "none": "freeze(False)",
        "before_norm": "chain(freeze(['conv', 'embed']), clip_by_global_norm(1.0))",
        "mapping": "freeze(mask={'ndim(1)': True, '**': False})",
    },
    "selective_transform": {
        "some": "selective_transform(adam(1e-2), freeze_mask='dense')",
        "norm": "selective_transform(clip_by_global_norm(1.0), freeze_mask={'gain': False, 'ndim(2)': False, '**': True})",
        "none": "selective_transform(sgd(0.1), freeze_mask=False)",
        "all": "selective_transform(sgd(0.1), freeze_mask=True)",
    },
    "partition": {
        "two": "partition({'decay': adamw(1e-2), 'rest': sgd(1e-1)}, {'ndim(2)': 'decay', '**': 'rest'})",
        "unused": "partition({'a': sgd(0.1), 'b': adam(1e-2), 'c': trace(0.9)}, {'b*': 'a', '**': 'c'})",
        "one_label": "partition({'all': adam(1e-2)}, 'all')",
        "norms_apart": (
            "partition({'x': clip_by_global_norm(0.5), 'y': chain(clip_by_global_norm(0.5), scale(2.0))},"
            " param_labels={'dense': 'x', 'bias': 'x', '**': 'y'})"
        ),
        "same_transformation": "partition({'fast': adam(1e-1), 'slow': adam(1e-3)}, {'conv': 'slow', '**': 'fast'})",
        "nested": (
            "chain(clip_by_global_norm(1.0), partition({'m': partition({'p': trace(0.9), 'q': ema(0.9)},"
            " {'dense': 'p', '**': 'q'}), 'v': identity()}, {'ndim(0)': 'v', 'ndim(1)': 'v', '**': 'm'}), scale(-0.1))"
        ),
        "schedules": (
            "partition({'a': sgd(linear_schedule(0.1, 0.0, 8)), 'b': sgd(cosine_decay_schedule(0.1, 8))},"
            " {'e*': 'a', '**': 'b'})"
        ),
    },
    "multi_transform": {
        "two": "multi_transform({'decay': adamw(1e-2), 'rest': sgd(1e-1)}, {'ndim(2)': 'decay', '**': 'rest'})",
    },
    "named_chain": {
        "default": "named_chain(('clip', clip(1.0)), ('adam', adam(1e-2)))",
        "single": "named_chain(('only', scale(-0.1)))",
        "nested": "named_chain(('first', named_chain(('a', trace(0.9)), ('b', centralize()))), ('second', scale(-0.1)))",
    },
    "apply_if_finite": {
        "finite": "apply_if_finite(adam(1e-2), 3)",
        "rejected": "chain(scale(1e307), apply_if_finite(chain(scale(1e-300), trace(0.9)), 5))",
        "accepted": "chain(scale(1e308), apply_if_finite(clip(1.0), max_consecutive_errors=1))",
        "accepted_at_once": "chain(scale(1e308), apply_if_finite(clip(1.0), 0))",
        "schedule": (
            "chain(scale(1e307), apply_if_finite(chain(scale(1e-300), sgd(linear_schedule(0.1, 0.0, 8))), 2))"
        ),
        "of_a_group": (
            "chain(scale(1e307), masked(apply_if_finite(scale(1e-300), 9), 'bias'),"
            " masked(apply_if_finite(scale(1e-300), 9), {'bias': False, '**': True}))"
        ),
    },
    "MultiSteps": {
        "default": "MultiSteps(adam(1e-2), 3)",
        "every_step": "MultiSteps(sgd(0.1), every_k_schedule=1)",
        "sum": "MultiSteps(sgd(0.1), 4, use_grad_mean=False)",
        "schedule": "MultiSteps(sgd(0.1, momentum=0.9), linear_schedule(1, 4, 3))",
        "weight_decay": "MultiSteps(adamw(1e-2), 2)",
        "norm": "MultiSteps(chain(clip_by_global_norm(1.0), sgd(linear_schedule(0.1, 0.0, 4))), 2)",
        "skip_large": "MultiSteps(adam(1e-2), 2, should_skip_update_fn=skip_large_updates(max_squared_norm=1000.0))",
        "skip_not_finite": (
            "chain(scale(1e307), MultiSteps(chain(scale(1e-300), trace(0.9)), 2, True, skip_not_finite()))"
        ),
        "skip_without_state": (
            "MultiSteps(chain(add_decayed_weights(0.1), sgd(0.1)), 2, should_skip_update_fn=skip_large_updates(1000.0))"
        ),
        "bfloat16": "MultiSteps(sgd(0.1), 3, accumulator_dtype=jnp.bfloat16)",
        "bfloat16_sum": "MultiSteps(sgd(0.1), 3, False, accumulator_dtype=jnp.bfloat16)",
    },
    "skip_not_finite": {
        "default": "chain(scale(1e307), MultiSteps(scale(1e-300), 3, should_skip_update_fn=skip_not_finite()))",
    },
    "skip_large_updates": {
        "default": "MultiSteps(sgd(0.1), 2, should_skip_update_fn=skip_large_updates(20.0))",
    },
    "conditionally_transform": {
        "every_k": "conditionally_transform(adam(1e-2), every_k(3))",
        "after_n": "conditionally_transform(trace(0.9), after_n(4))",
        "before_n": "conditionally_transform(inner=chain(centralize(), ema(0.9)), should_transform_fn=before_n(5))",
        "norm": "chain(conditionally_transform(clip_by_global_norm(0.5), every_k(2)), clip_by_global_norm(2.0))",
    },
    "conditionally_mask": {
        "every_k": "conditionally_mask(adam(1e-2), every_k(3))",
        "after_n": "conditionally_mask(trace(0.9), after_n(4))",
        "before_n": "conditionally_mask(sgd(linear_schedule(0.1, 0.0, 7)), before_n(5))",
    },
    "every_k": {"default": "conditionally_mask(sgd(0.1, momentum=0.5), every_k(4))"},
    "after_n": {"default": "conditionally_mask(sgd(0.1), after_n(n=7))"},
    "before_n": {"default": "conditionally_mask(sgd(0.1), before_n(2))"},
    "lookahead": {
        "default": "lookahead(sgd(0.1), sync_period=3, slow_step_size=0.5)",
        "every_step": "lookahead(sgd(0.1, momentum=0.9), 1, 0.8)",
        "state": "lookahead(adam(1e-1), 4, 0.5)",
        "reset_state": "lookahead(adam(1e-1), 4, 0.5, reset_state=True)",
        "reset_initial_scale": "lookahead(rmsprop(1e-1, initial_scale=1.0, momentum=0.9), 3, 0.3, True)",
        "weight_decay": "lookahead(adamw(1e-1, weight_decay=0.1), 2, 0.5)",
        "whole": "lookahead(sgd(0.1, momentum=0.9), 5, 1.0)",
    },
    "sam": {
        "default": "sam(sgd(0.1), chain(clip_by_global_norm(1.0), sgd(0.05)))",
        "adam": "sam(adam(1e-1), chain(clip_by_global_norm(1.0), sgd(0.05)), sync_period=3)",
        "keep_state": "sam(sgd(0.1, momentum=0.9), sgd(0.05, momentum=0.9), 3, reset_state=False)",
        "reset_state": "sam(sgd(0.1, momentum=0.9), adam(0.05), 3, True)",
        "weight_decay": "sam(optimizer=adamw(1e-1, weight_decay=0.1), adv_optimizer=sgd(0.05), sync_period=2)",
        "every_step": "sam(sgd(0.1), sgd(0.05), 1)",
        "normalize": "chain(add_decayed_weights(1e-2), sam(sgd(0.1), chain(normalize(), sgd(0.05))))",
    },
    "schedule_free": {
        "default": "schedule_free(sgd(0.5), 0.5)",
        "adam": "schedule_free(adam(1e-1, b1=0.0), learning_rate=0.1, b1=0.95)",
        "schedule": "schedule_free(sgd(linear_schedule(0.1, 0.5, 5)), linear_schedule(0.1, 0.5, 5))",
        "from_zero": "schedule_free(sgd(0.5), linear_schedule(0.0, 0.5, 5, 3))",
        "power": "schedule_free(sgd(0.5), linear_schedule(0.1, 0.5, 7), 0.8, weight_lr_power=1.0)",
        "bfloat16": "schedule_free(sgd(0.5), 0.5, state_dtype=jnp.bfloat16)",
        "weight_decay": "schedule_free(chain(add_decayed_weights(0.1), sgd(0.5)), 0.5, b1=0.5)",
    },
    "schedule_free_sgd": {
        "default": "schedule_free_sgd()",
        "warmup": "schedule_free_sgd(0.5, warmup_steps=4)",
        "weight_decay": "schedule_free_sgd(0.5, 3, 0.8, weight_decay=0.1)",
        "bfloat16": "schedule_free_sgd(0.5, weight_lr_power=1.0, state_dtype=jnp.bfloat16)",
    },
    "schedule_free_adamw": {
        "default": "schedule_free_adamw(0.1)",
        "warmup": "schedule_free_adamw(0.1, warmup_steps=4, weight_decay=0.1)",
        "decays": "schedule_free_adamw(learning_rate=0.1, b1=0.8, b2=0.9, eps=1e-4)",
    },
    "mechanize": {
        "default": "mechanize(sgd(1.0, momentum=0.9), s_init=0.1)",
        "adam": "mechanize(adam(1.0), weight_decay=0.0, eps=1e-6, s_init=0.1)",
        "three": "mechanize(sgd(0.1, momentum=0.9), 0.1, 1e-6, 0.5, num_betas=3)",
        "one": "mechanize(adamw(0.1, weight_decay=0.1), s_init=0.2, num_betas=1)",
    },
    "flatten": {
        "adam": "flatten(adam(1e-2))",
        "block_rms": "flatten(clip_by_block_rms(0.5))",
        "trust_ratio": "flatten(chain(scale_by_adam(), scale_by_trust_ratio(), scale(-0.1)))",
        "param_block_rms": "flatten(scale_by_param_block_rms())",
        "norm": "flatten(clip_by_global_norm(1.0))",
        "centralize": "flatten(centralize())",
        "novograd": "flatten(novograd(1e-1))",
        "distance": "flatten(chain(scale_by_distance_over_gradients(reps_rel=0.1), scale(-1.0)))",
        "of_a_group": "masked(flatten(chain(clip_by_block_rms(0.5), trace(0.9))), ['bias', 'dense'])",
        "lookahead": "flatten(apply_if_finite(clip_by_block_rms(0.5), 2))",
        "unit": "flatten(adaptive_grad_clip(0.1))",
        "rank": "flatten(chain(ema(0.9), centralize()))",
    },
    # Optimizers
    "lbfgs": {
        "default": "chain(clip(1e-2), add_decayed_weights(1.0), lbfgs(linesearch=None))",
        "learning_rate": "chain(clip(1e-2), add_decayed_weights(1.0), lbfgs(0.1, linesearch=None))",
        "schedule": "chain(clip(1e-2), add_decayed_weights(1.0), lbfgs(linear_schedule(1.0, 0.1, 7), 5, True, None))",
        "unscaled": "chain(clip(1e-2), add_decayed_weights(2.0), lbfgs(0.1, 2, scale_init_precond=False, linesearch=None))",
    },
    "sgd": {
        "default": "sgd(0.1)",
        "momentum": "sgd(0.1, momentum=0.9)",
        "nesterov": "sgd(0.1, momentum=0.9, nesterov=True)",
        "nesterov_without_momentum": "sgd(0.1, None, True)",
        "zero_momentum": "sgd(0.1, momentum=0.0)",
        "bfloat16": "sgd(0.1, momentum=0.9, accumulator_dtype=jnp.bfloat16)",
        "schedule": "sgd(learning_rate=cosine_decay_schedule(0.1, 8), momentum=0.9)",
    },
    # dtype_momentum is float32 where it is left out, also among float64.
    "noisy_sgd": {
        "default": "noisy_sgd(0.1)",
        "options": "noisy_sgd(0.1, eta=0.1, gamma=0.9, key=7)",
        "schedule": "noisy_sgd(linear_schedule(0.1, 0.01, 5), 1.0, 0.0, 11)",
        "seed": "noisy_sgd(0.1, seed=3)",
    },
    "galore": {
        "default": "galore(1e-2)",
        "rank": "galore(1e-2, 2, 3, 0.25)",
        "weight_decay": 'galore(1e-2, rank=2, weight_decay=0.1, mask="ndim(2)")',
        "schedule": "galore(linear_schedule(1e-2, 1e-3, 5), 1)",
        "base_optimizer": "galore(1.0, 2, 4, base_optimizer=sgd(0.1, momentum=0.9))",
        "dimension_numbers": (
            'galore(1e-2, 2, 3, weight_dimension_numbers={"bias": None, "conv": GaLoreDimensionNumbers((0, 1, 2), 3),'
            ' "dense": None, "embed": GaLoreDimensionNumbers(1, (0, 2)), "gain": None})'
        ),
    },
    "muon": {
        "default": "muon(1e-2)",
        "dion": 'muon(1e-2, ns_coeffs="dion")',
        "standard": 'muon(1e-2, "standard", 3)',
        "weight_decay": "muon(1e-2, weight_decay=0.1, adam_weight_decay=0.05)",
        "weight_decay_mask": (
            'muon(1e-2, weight_decay=0.1,'
            ' weight_decay_mask={"bias": False, "conv": True, "dense": False, "embed": True, "gain": False})'
        ),
        "adam": "muon(1e-2, adam_learning_rate=1e-3, adam_b1=0.8, adam_b2=0.9, adam_eps_root=1e-3, eps=1e-4)",
        "plain": "muon(1e-2, nesterov=False, adaptive=True)",
        "consistent_rms": "muon(1e-2, consistent_rms=0.2)",
        "bfloat16": "muon(1e-2, mu_dtype=jnp.bfloat16)",
        "schedule": "muon(linear_schedule(1e-2, 1e-3, 5), weight_decay=0.1)",
        "dimension_numbers": (
            'muon(1e-2, muon_weight_dimension_numbers={"bias": None, "conv": MuonDimensionNumbers((0, 1, 2), 3),'
            ' "dense": MuonDimensionNumbers(1, 0), "embed": MuonDimensionNumbers(1, 2), "gain": None})'
        ),
    },
    "adafactor": {
        "default": "adafactor(1e-2)",
        "factored": "adafactor(1e-2, min_dim_size_to_factor=3)",
        "no_learning_rate": "adafactor(min_dim_size_to_factor=2)",
        "momentum": "adafactor(1e-2, 2, momentum=0.9, dtype_momentum=None)",
        "bfloat16": "adafactor(1e-2, 2, momentum=0.9, dtype_momentum=jnp.bfloat16)",
        "bare": (
            "adafactor(1e-2, 2, multiply_by_parameter_scale=False, clipping_threshold=None, eps=1e-3, decay_rate=0.5)"
        ),
        "clipping_threshold": "adafactor(1e-2, 2, clipping_threshold=0.1)",
        "decay_offset": "adafactor(1e-2, 2, decay_offset=-5)",
        "weight_decay": "adafactor(1e-2, 2, weight_decay_rate=0.1)",
        "weight_decay_mask": (
            'adafactor(1e-2, 2, weight_decay_rate=0.1,'
            ' weight_decay_mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": False})'
        ),
        "not_factored": "adafactor(1e-2, 2, factored=False)",
        "schedule": "adafactor(linear_schedule(1e-2, 1e-3, 5), 2, weight_decay_rate=linear_schedule(0.1, 0.0, 5))",
    },
    "sm3": {
        "default": 'masked(sm3(0.1), {"bias": True, "conv": True, "dense": True, "embed": True, "gain": False})',
        "momentum": (
            'masked(sm3(0.1, momentum=0.5), {"bias": True, "conv": True, "dense": True, "embed": True, "gain": False})'
        ),
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
        "mask": "adamw(1e-2, weight_decay=0.1, mask=['dense', 'conv'])",
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
    "adabelief": {
        "default": "adabelief(1e-3)",
        "nesterov": "adabelief(1e-2, nesterov=True)",
        "eps": "adabelief(1e-2, 0.8, 0.9, 1e-3, 1e-3)",
        "schedule": "adabelief(linear_schedule(1e-2, 1e-3, 5))",
    },
    "adadelta": {
        "default": "adadelta()",
        "learning_rate": "adadelta(0.1)",
        "weight_decay": "adadelta(0.1, 0.5, 1e-3, 0.1)",
        "mask": 'adadelta(0.1, 0.9, 1e-6, 0.1, {"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
        "schedule": "adadelta(linear_schedule(1.0, 0.1, 5), rho=0.95, weight_decay=linear_schedule(0.1, 0.0, 5))",
    },
    "adagrad": {
        "default": "adagrad(0.1)",
        "from_zero": "adagrad(0.1, 0.0)",
        "eps": "adagrad(0.1, initial_accumulator_value=1.0, eps=0.1)",
        "schedule": "adagrad(linear_schedule(0.1, 0.01, 5))",
    },
    "adamax": {
        "default": "adamax(1e-3)",
        "decays": "adamax(0.1, 0.5, 0.8, 0.1)",
        "schedule": "adamax(linear_schedule(1e-2, 1e-3, 5))",
    },
    "adamaxw": {
        "default": "adamaxw(1e-3)",
        "weight_decay": "adamaxw(1e-2, 0.5, 0.8, 0.1, 0.1)",
        "mask": 'adamaxw(1e-2, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
        "schedule": "adamaxw(linear_schedule(1e-2, 1e-3, 5), weight_decay=linear_schedule(0.1, 0.0, 5))",
    },
    "adan": {
        "default": "adan(1e-3)",
        "decays": "adan(1e-2, 0.9, 0.8, 0.95, 1e-3, 1e-2)",
        "weight_decay": "adan(0.1, weight_decay=0.1)",
        "mask": 'adan(1e-2, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
        "schedule": "adan(linear_schedule(1e-2, 1e-3, 5), weight_decay=linear_schedule(0.1, 0.0, 5))",
    },
    "amsgrad": {
        "default": "amsgrad(1e-3)",
        "decays": "amsgrad(0.1, 0.5, 0.9, 1e-3, 1e-3)",
        "paper": "amsgrad(1e-2, bias_correction_mu=False, bias_correction_nu=False)",
        "bfloat16": "amsgrad(1e-3, mu_dtype=jnp.bfloat16)",
        "schedule": "amsgrad(linear_schedule(1e-2, 1e-3, 5))",
    },
    "fromage": {
        "default": "fromage(0.1)",
        "min_norm": "fromage(0.1, 1.0)",
        "no_min_norm": "fromage(0.1, min_norm=0.0)",
        "schedule": "fromage(linear_schedule(0.5, 0.01, 5))",
    },
    "lamb": {
        "default": "lamb(1e-3)",
        "weight_decay": "lamb(1e-2, weight_decay=0.1)",
        "decays": "lamb(0.1, 0.5, 0.9, 1e-3, 1e-3)",
        "mask": 'lamb(1e-2, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
        "schedule": "lamb(linear_schedule(1e-2, 1e-3, 5), weight_decay=linear_schedule(0.1, 0.0, 5))",
    },
    "lars": {
        "default": "lars(0.1)",
        "weight_decay": "lars(0.1, 0.1)",
        "nesterov": "lars(0.1, trust_coefficient=0.01, eps=0.1, momentum=0.8, nesterov=True)",
        "weight_decay_mask": (
            'lars(0.1, 0.1, {"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})'
        ),
        "trust_ratio_mask": (
            'lars(0.1, 0.1, trust_ratio_mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})'
        ),
        "no_trust_ratio": "lars(0.1, 0.1, False, 1e-3, 0.0, False)",
        "schedule": "lars(linear_schedule(0.1, 0.01, 5), weight_decay=linear_schedule(0.1, 0.0, 5))",
    },
    "lion": {
        "default": "lion(1e-3)",
        "weight_decay": "lion(1e-2, 0.5, 0.8, weight_decay=0.1)",
        "bfloat16": "lion(1e-3, mu_dtype=jnp.bfloat16)",
        "mask": 'lion(1e-2, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
        "schedule": "lion(linear_schedule(1e-2, 1e-3, 5), weight_decay=linear_schedule(0.1, 0.0, 5))",
    },
    "nadam": {
        "default": "nadam(1e-3)",
        "plain": "nadam(1e-3, nesterov=False)",
        "decays": "nadam(0.1, 0.5, 0.9, 1e-3, 1e-3)",
        "bfloat16": "nadam(1e-3, mu_dtype=jnp.bfloat16)",
        "schedule": "nadam(linear_schedule(1e-2, 1e-3, 5))",
    },
    "nadamw": {
        "default": "nadamw(1e-3)",
        "plain": "nadamw(1e-3, nesterov=False)",
        "weight_decay": "nadamw(1e-2, 0.5, 0.9, 1e-3, 1e-3, weight_decay=0.1)",
        "bfloat16": "nadamw(1e-3, mu_dtype=jnp.bfloat16)",
        "mask": 'nadamw(1e-2, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
        "schedule": "nadamw(linear_schedule(1e-2, 1e-3, 5), weight_decay=linear_schedule(0.1, 0.0, 5))",
    },
    "novograd": {
        "default": "novograd(1e-3)",
        "weight_decay": "novograd(1e-2, 0.5, 0.9, 1e-3, 1e-2, 0.1)",
        "schedule": "novograd(linear_schedule(1e-2, 1e-3, 5))",
    },
    "optimistic_adam": {
        "default": "optimistic_adam(1e-3)",
        "optimism": "optimistic_adam(1e-2, 1e-3)",
        "plain": "optimistic_adam(1e-2, nesterov=False)",
        "decays": "optimistic_adam(0.1, 0.2, 0.5, 0.9, 1e-3, 1e-3)",
        "bfloat16": "optimistic_adam(1e-3, mu_dtype=jnp.bfloat16)",
    },
    "optimistic_adam_v2": {
        "default": "optimistic_adam_v2(1e-3)",
        "alpha_beta": "optimistic_adam_v2(1e-2, alpha=0.5, beta=0.3)",
        "plain": "optimistic_adam_v2(1e-2, b1=0.5, b2=0.9, eps=1e-3, eps_root=1e-3, nesterov=False)",
        "bfloat16": "optimistic_adam_v2(1e-3, mu_dtype=jnp.bfloat16)",
        "schedule": "optimistic_adam_v2(linear_schedule(1e-2, 1e-3, 5))",
    },
    "optimistic_gradient_descent": {
        "default": "optimistic_gradient_descent(0.1)",
        "alpha_beta": "optimistic_gradient_descent(0.1, 0.5, 0.3)",
        "schedule": "optimistic_gradient_descent(linear_schedule(0.1, 0.01, 5), beta=0.5)",
    },
    "polyak_sgd": {
        "default": "polyak_sgd()",
        "max_learning_rate": "polyak_sgd(0.1, f_min=2.0)",
        "positive": "polyak_sgd(f_min=2.0, eps=0.1, variant='sps+')",
        "schedule": "polyak_sgd(scaling=linear_schedule(1.0, 0.1, 5))",
    },
    "radam": {
        "default": "radam(1e-3)",
        "decays": "radam(0.1, 0.8, 0.9, 1e-3, 1e-3)",
        "threshold": "radam(1e-2, b2=0.9, threshold=7.0)",
        "nesterov": "radam(1e-2, b2=0.9, nesterov=True)",
        "schedule": "radam(linear_schedule(1e-2, 1e-3, 5), b2=0.9)",
    },
    "rprop": {
        "default": "rprop(0.1)",
        "factors": "rprop(0.1, 0.3, 2.0)",
        "bounds": "rprop(0.1, min_step_size=0.05, max_step_size=0.12)",
    },
    "sign_sgd": {
        "default": "sign_sgd(0.1)",
        "schedule": "sign_sgd(linear_schedule(0.1, 0.01, 5))",
    },
    "signum": {
        "default": "signum(0.1)",
        "beta": "signum(0.1, 0.5)",
        "bfloat16": "signum(0.1, accumulator_dtype=jnp.bfloat16)",
        "schedule": "signum(linear_schedule(0.1, 0.01, 5))",
    },
    "yogi": {
        "default": "yogi(1e-2)",
        "decays": "yogi(0.1, 0.5, 0.9, 1e-2)",
        "schedule": "yogi(linear_schedule(1e-2, 1e-3, 5))",
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
    "polynomial_schedule": {
        "square": "sgd(polynomial_schedule(0.1, 0.01, 2, 7))",
        "linear": "sgd(polynomial_schedule(init_value=0.1, end_value=0.0, power=1.0, transition_steps=20))",
        "root": "sgd(polynomial_schedule(0.01, 0.1, 0.5, 4, transition_begin=3))",
        "constant": "sgd(polynomial_schedule(0.1, 0.01, 0, 4, 2))",
        "negative_begin": "sgd(polynomial_schedule(0.1, 0.01, 3.0, 4, -3))",
        "zero_steps": "sgd(polynomial_schedule(0.1, 0.01, 2, 0))",
    },
    "piecewise_constant_schedule": {
        "default": "sgd(piecewise_constant_schedule(0.1))",
        "boundaries": "sgd(piecewise_constant_schedule(0.1, {3: 0.5, 7: 0.1}))",
        "unsorted": "sgd(piecewise_constant_schedule(init_value=0.1, boundaries_and_scales={10: 0.5, 5: 2.0, 2: 0.25}))",
        "from_the_start": "sgd(piecewise_constant_schedule(0.1, {0: 0.5, 4: 0.0}))",
        "none": "sgd(piecewise_constant_schedule(0.1, None))",
        "empty": "sgd(piecewise_constant_schedule(0.1, {}))",
    },
    "exponential_decay": {
        "default": "sgd(exponential_decay(0.1, 5, 0.5))",
        "transition_begin": "sgd(exponential_decay(0.1, 3, 0.9, transition_begin=4))",
        "staircase": "sgd(exponential_decay(0.1, 3, 0.5, 1, True))",
        "end_value": "sgd(exponential_decay(0.1, 2, 0.5, end_value=0.02))",
        "growth": "sgd(exponential_decay(init_value=0.01, transition_steps=2, decay_rate=1.5, end_value=0.04))",
        "end_above_the_start": "sgd(exponential_decay(0.1, 2, 0.5, end_value=0.2))",
        "staircase_end": "sgd(exponential_decay(0.1, 2, 0.3, 0, True, 0.005))",
        "negative_begin": "sgd(exponential_decay(0.1, 5, 0.5, -3))",
        "zero_steps": "sgd(exponential_decay(0.1, 0, 0.5))",
        "zero_rate": "sgd(exponential_decay(0.1, 5, 0.0, end_value=0.2))",
    },
    "piecewise_interpolate_schedule": {
        "linear": "sgd(piecewise_interpolate_schedule('linear', 0.1, {3: 0.5, 7: 2.0}))",
        "cosine": "sgd(piecewise_interpolate_schedule('cosine', 0.1, {7: 2.0, 3: 0.5}))",
        "long": "sgd(piecewise_interpolate_schedule(interpolate_type='cosine', init_value=0.1, boundaries_and_scales={20: 0.1}))",
        "from_the_start": "sgd(piecewise_interpolate_schedule('linear', 0.1, {0: 0.5, 4: 0.0}))",
        "none": "sgd(piecewise_interpolate_schedule('linear', 0.1))",
    },
    "linear_onecycle_schedule": {
        "default": "sgd(linear_onecycle_schedule(8, 0.1))",
        "long": "sgd(linear_onecycle_schedule(transition_steps=100, peak_value=0.1))",
        "shares": "sgd(linear_onecycle_schedule(9, 0.1, 0.5, 0.75))",
        "factors": "sgd(linear_onecycle_schedule(8, 0.1, div_factor=10.0, final_div_factor=100.0))",
        "boundaries_meet": "sgd(linear_onecycle_schedule(8, 0.1, pct_start=0.5, pct_final=0.5))",
        "one_step": "sgd(linear_onecycle_schedule(1, 0.1))",
    },
    "cosine_onecycle_schedule": {
        "default": "sgd(cosine_onecycle_schedule(8, 0.1))",
        "long": "sgd(cosine_onecycle_schedule(transition_steps=100, peak_value=0.1))",
        "share": "sgd(cosine_onecycle_schedule(9, 0.1, 0.5))",
        "factors": "sgd(cosine_onecycle_schedule(8, 0.1, div_factor=10.0, final_div_factor=100.0))",
        "all_up": "sgd(cosine_onecycle_schedule(6, 0.1, pct_start=1.0))",
    },
    "warmup_constant_schedule": {
        "default": "sgd(warmup_constant_schedule(0.0, 0.1, 4))",
        "long": "sgd(warmup_constant_schedule(init_value=0.01, peak_value=0.1, warmup_steps=20))",
        "no_warmup": "sgd(warmup_constant_schedule(0.01, 0.1, 0))",
    },
    "warmup_exponential_decay_schedule": {
        "default": "sgd(warmup_exponential_decay_schedule(0.0, 0.1, 3, 5, 0.5))",
        "staircase": "sgd(warmup_exponential_decay_schedule(0.01, 0.1, 2, 3, 0.5, staircase=True))",
        "transition_begin": "sgd(warmup_exponential_decay_schedule(0.0, 0.1, 3, 2, 0.9, transition_begin=2))",
        "end_value": "sgd(warmup_exponential_decay_schedule(0.0, 0.1, 3, 2, 0.5, 0, False, 0.02))",
        "no_warmup": "sgd(warmup_exponential_decay_schedule(0.0, 0.1, 0, 5, 0.5))",
    },
    "join_schedules": {
        "two": "sgd(join_schedules([linear_schedule(0.0, 0.1, 3), cosine_decay_schedule(0.1, 6)], [4]))",
        "three": (
            "sgd(join_schedules(schedules=[constant_schedule(0.1), exponential_decay(0.1, 2, 0.5),"
            " linear_schedule(0.0, 0.1, 3)], boundaries=[2, 6]))"
        ),
        "one": "sgd(join_schedules([linear_schedule(0.1, 0.0, 5)], []))",
        "nested": (
            "sgd(join_schedules((join_schedules([constant_schedule(0.1), linear_schedule(0.2, 0.1, 2)], [1]),"
            " piecewise_constant_schedule(0.1, {2: 0.5})), (5,)))"
        ),
        "unsorted": (
            "sgd(join_schedules([constant_schedule(0.1), linear_schedule(0.0, 0.1, 9), constant_schedule(0.3)], [7, 3]))"
        ),
        "begun": "sgd(join_schedules([constant_schedule(0.0), linear_schedule(0.0, 0.1, 20)], [-5]))",
    },
    "sgdr_schedule": {
        "default": (
            "sgd(sgdr_schedule([{'init_value': 0.0, 'peak_value': 0.1, 'warmup_steps': 1, 'decay_steps': 4},"
            " {'init_value': 0.01, 'peak_value': 0.05, 'warmup_steps': 2, 'decay_steps': 4, 'end_value': 0.01}]))"
        ),
        "three": (
            "sgd(sgdr_schedule(cosine_kwargs=["
            "{'init_value': 0.0, 'peak_value': 0.1, 'warmup_steps': 0, 'decay_steps': 3, 'exponent': 2.0},"
            " {'decay_steps': 2, 'peak_value': 0.05, 'init_value': 0.0, 'warmup_steps': 1},"
            " {'init_value': 0.0, 'peak_value': 0.02, 'warmup_steps': 2, 'decay_steps': 20}]))"
        ),
        "one": "sgd(sgdr_schedule([{'init_value': 0.0, 'peak_value': 0.1, 'warmup_steps': 3, 'decay_steps': 20}]))",
    },
    # Contrib: transformations
    "scale_by_acprop": {
        "default": "scale_by_acprop()",
        "decays": "scale_by_acprop(0.5, 0.9, eps=1e-3, eps_root=1e-3)",
        "prefixed": "optax.contrib.scale_by_acprop(b1=0.8, b2=0.99)",
        "zero_decays": "scale_by_acprop(b1=0.0, b2=0.0, eps_root=1e-2)",
    },
    "scale_by_ademamix": {
        "default": "scale_by_ademamix()",
        "decays": "scale_by_ademamix(0.5, 0.9, 0.99, alpha=2.0, eps=1e-3, eps_root=1e-3)",
        "schedules": "scale_by_ademamix(b3=linear_schedule(0.5, 0.99, 6), alpha=linear_schedule(0.0, 8.0, 20))",
        "bfloat16": "scale_by_ademamix(mu_dtype=jnp.bfloat16)",
    },
    "scale_by_simplified_ademamix": {
        "default": "scale_by_simplified_ademamix()",
        "alpha": "scale_by_simplified_ademamix(0.9, 0.99, alpha=10.0)",
        "schedule": "scale_by_simplified_ademamix(alpha=linear_schedule(5.0, 0.0, 7))",
        "eps": "scale_by_simplified_ademamix(eps=1e-3, eps_root=1e-3)",
    },
    "scale_by_adopt": {
        "default": "scale_by_adopt()",
        "nesterov": "scale_by_adopt(nesterov=True)",
        "no_clipping": "scale_by_adopt(use_clipping=False)",
        "no_clipping_nesterov": "scale_by_adopt(0.8, 0.99, 1e-2, nesterov=True, use_clipping=False)",
        "decays": "scale_by_adopt(b1=0.5, b2=0.9, eps=1e-3)",
        "bfloat16": "scale_by_adopt(mu_dtype=jnp.bfloat16)",
        "bfloat16_nesterov": "scale_by_adopt(0.95, mu_dtype=jnp.bfloat16, nesterov=True)",
    },
    # What is added is bet anew at each step and the way so far taken off: where a gradient is small next to those
    # before, as at step 8, that is all rounding. Hence the weight decay.
    "scale_by_cocob": {
        "default": "chain(add_decayed_weights(0.1), scale_by_cocob())",
        "alpha": "chain(add_decayed_weights(0.1), scale_by_cocob(2.0))",
        "eps": "chain(add_decayed_weights(0.1), scale_by_cocob(alpha=10.0, eps=1.0))",
        "descent": "chain(add_decayed_weights(0.1), scale(3.0), scale_by_cocob())",
    },
    # Without momentum a step without gradients moves nothing but by rounding.
    "scale_by_madgrad": {
        "default": "scale_by_madgrad(0.1)",
        "momentum": "scale_by_madgrad(0.01, momentum=0.5)",
        "no_momentum": "chain(add_decayed_weights(0.1), scale_by_madgrad(learning_rate=0.1, momentum=0.0, eps=1e-2))",
        "schedule": "scale_by_madgrad(linear_schedule(0.1, 0.01, 7))",
    },
    # Where all gradients are zero, as at step 6, what comes out is NaN: something is added to them first.
    "normalize": {
        "default": "chain(add_decayed_weights(0.1), normalize())",
        "after_state": "chain(trace(0.9), normalize(), scale(-0.1))",
        "twice": "chain(add_decayed_weights(0.1), normalize(), centralize(), contrib.normalize())",
    },
    "reduce_on_plateau": {
        "default": "reduce_on_plateau()",
        "patience": "reduce_on_plateau(patience=2)",
        "at_once": "reduce_on_plateau(0.5, 1)",
        "cooldown": "reduce_on_plateau(factor=0.5, patience=1, cooldown=2)",
        "rtol": "reduce_on_plateau(factor=0.5, patience=2, rtol=0.3)",
        "atol": "reduce_on_plateau(factor=0.5, patience=2, rtol=0.0, atol=0.75)",
        "accumulation": "reduce_on_plateau(factor=0.5, patience=1, accumulation_size=2)",
        "accumulation_cooldown": "reduce_on_plateau(0.5, 1, 1e-4, 4.0, 1, 2)",
        "min_scale": "reduce_on_plateau(factor=0.1, patience=1, rtol=0.5, min_scale=0.05)",
        "no_patience": "reduce_on_plateau(factor=0.5, patience=0)",
        "after_adam": "chain(adam(1e-2), reduce_on_plateau(factor=0.5, patience=2))",
    },
    # Projections. Where nothing moves, as at step 6 without momentum, what comes out is rounding: hence the momentum.
    "projection_non_negative": {
        "default": "chain(sgd(0.1, 0.9), projection_non_negative())",
        "masked": 'masked(projection_non_negative(), ["embed", "gain"])',
    },
    "projection_box": {
        "default": "chain(sgd(0.1, momentum=0.9), projection_box(-0.5, 0.5))",
        "off_center": "chain(adam(0.1), projection_box(lower=0.25, upper=2.0))",
        "empty": "chain(sgd(0.1, momentum=0.9), projection_box(0.5, 0.25))",
    },
    "projection_hypercube": {
        "default": "chain(sgd(0.1, momentum=0.9), projection_hypercube())",
        "scale": "chain(adam(0.1), projection_hypercube(scale=0.5))",
    },
    "projection_linf_ball": {
        "default": "chain(sgd(0.1, momentum=0.9), projection_linf_ball())",
        "scale": "chain(adam(0.1), projection_linf_ball(0.5))",
    },
    "projection_l2_sphere": {
        "default": "chain(sgd(0.1, momentum=0.9), projection_l2_sphere())",
        "scale": "chain(sgd(0.1, momentum=0.9), projection_l2_sphere(3.0))",
    },
    "projection_l2_ball": {
        "default": "chain(sgd(0.1, momentum=0.9), projection_l2_ball())",
        "wide": "chain(sgd(0.01, momentum=0.9), projection_l2_ball(scale=8.5))",
    },
    "projection_simplex": {
        "default": "chain(sgd(0.1, momentum=0.9), projection_simplex())",
        "scale": "chain(adam(0.1), projection_simplex(scale=40.0))",
        "wide": "chain(sgd(0.1, momentum=0.9), projection_simplex(1000.0))",
        "masked": 'chain(sgd(0.1, momentum=0.9), masked(projection_simplex(3.0), "ndim(2)"))',
    },
    "projection_l1_sphere": {
        "default": "chain(sgd(0.1, momentum=0.9), projection_l1_sphere())",
        "scale": "chain(adam(0.1), projection_l1_sphere(40.0))",
    },
    "projection_l1_ball": {
        "default": "chain(sgd(0.1, momentum=0.9), projection_l1_ball())",
        "wide": "chain(sgd(0.01, momentum=0.9), projection_l1_ball(scale=60.0))",
    },
    # Contrib: optimizers
    "acprop": {
        "default": "acprop(1e-3)",
        "weight_decay": "acprop(1e-2, 0.8, 0.99, 1e-4, 1e-4, weight_decay=0.1)",
        "schedule": "acprop(linear_schedule(1e-2, 1e-3, 5), weight_decay=linear_schedule(0.1, 0.0, 5))",
        "mask": 'acprop(1e-2, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
    },
    "ademamix": {
        "default": "ademamix(1e-3)",
        "weight_decay": "ademamix(1e-2, weight_decay=0.1)",
        "all": "ademamix(1e-2, 0.8, 0.99, 0.999, 2.0, 1e-4, 1e-4, jnp.bfloat16, 0.1)",
        "schedules": (
            "ademamix(cosine_decay_schedule(1e-2, 20), b3=linear_schedule(0.5, 0.99, 6),"
            " alpha=linear_schedule(0.0, 5.0, 6))"
        ),
        "mask": 'ademamix(1e-2, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
    },
    "simplified_ademamix": {
        "default": "simplified_ademamix(1e-3)",
        "weight_decay": "simplified_ademamix(1e-3, weight_decay=0.1)",
        "all": "simplified_ademamix(linear_schedule(1e-2, 1e-3, 5), 0.9, 0.99, 5.0, 1e-4, 1e-4, 0.01)",
        "mask": 'simplified_ademamix(1e-2, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
    },
    "adopt": {
        "default": "adopt(1e-3)",
        "nesterov": "adopt(1e-3, nesterov=True)",
        "no_clipping": "adopt(1e-3, b1=0.8, b2=0.99, eps=1e-2, use_clipping=False)",
        "schedule": "adopt(linear_schedule(1e-2, 1e-3, 5), mu_dtype=jnp.bfloat16)",
    },
    "cocob": {
        "default": "cocob(weight_decay=0.1)",
        "learning_rate": "cocob(0.5, alpha=10.0, eps=1e-2, weight_decay=0.1)",
        "schedule": "cocob(learning_rate=linear_schedule(1.0, 0.5, 7), weight_decay=0.2)",
        "weight_decay_schedule": "cocob(weight_decay=linear_schedule(0.2, 0.1, 7))",
        "mask": 'cocob(0.5, 2.0, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
    },
    "madgrad": {
        "default": "madgrad(1e-2)",
        "weight_decay": "madgrad(1e-2, weight_decay=0.1)",
        "all": "madgrad(linear_schedule(1e-1, 1e-2, 7), 0.5, 0.01, 1e-3)",
    },
    "dog": {
        "default": "dog()",
        "heuristic": "dog(0.5, ('heuristic', 1e-2))",
        "distance": "dog(init_step=('distance', 0.1))",
        "learning_rate": "dog(init_step=('learning_rate', 1e-2), eps=1e-4)",
        "weight_decay": "dog(1.0, ('distance', 0.1), weight_decay=0.1)",
        "schedule": "dog(linear_schedule(1.0, 0.1, 7), ('distance', 0.1), weight_decay=0.0)",
        "mask": 'dog(1.0, ("distance", 0.1), 1e-8, 0.1, {"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
    },
    "dowg": {
        "default": "dowg()",
        "init_estim_sq_dist": "dowg(init_estim_sq_dist=0.1)",
        "eps": "dowg(0.5, eps=1e-2)",
        "weight_decay": "dowg(1.0, 0.1, 1e-3, 0.1)",
        "schedule": "dowg(linear_schedule(1.0, 0.1, 7), 0.1)",
        "mask": 'dowg(1.0, 0.1, weight_decay=0.1, mask={"bias": False, "conv": True, "dense": True, "embed": False, "gain": True})',
    },
    "dadapt_adamw": {
        "default": "dadapt_adamw()",
        "growth": "chain(clip(0.01), add_decayed_weights(1.0), dadapt_adamw())",
        "start": "dadapt_adamw(estim_lr0=1e-2)",
        "betas": "dadapt_adamw(1.0, (0.8, 0.99), eps=1e-3, estim_lr0=0.1)",
        "weight_decay": "dadapt_adamw(0.5, estim_lr0=1e-2, weight_decay=0.1)",
        "schedule": "dadapt_adamw(linear_schedule(1.0, 0.1, 7), betas=[0.9, 0.99], estim_lr0=1e-2)",
    },
    # How far a step goes is a difference of losses and products of gradients and parameters: gradients of one size keep
    # it from being all rounding.
    "momo": {
        "default": "chain(clip_by_global_norm(1.0), momo())",
        "learning_rate": "momo(1e-3)",
        "beta": "chain(clip_by_global_norm(1.0), momo(0.1, beta=0.5))",
        "lower_bound": "chain(clip_by_global_norm(1.0), momo(10.0, 0.5, lower_bound=3.0))",
        "weight_decay": "momo(0.1, weight_decay=0.1)",
        "adapt": "momo(1.0, 0.9, 3.0, 0.1, adapt_lower_bound=True)",
        "adapt_high": "momo(0.01, lower_bound=-5.0, adapt_lower_bound=True)",
        "schedule": "chain(clip_by_global_norm(1.0), momo(linear_schedule(1.0, 0.01, 7)))",
    },
    "momo_adam": {
        "default": "chain(clip_by_global_norm(1.0), momo_adam())",
        "learning_rate": "chain(clip_by_global_norm(1.0), momo_adam(1.0))",
        "betas": "momo_adam(0.1, b1=0.5, b2=0.9, eps=1e-3)",
        "lower_bound": "chain(clip_by_global_norm(1.0), momo_adam(10.0, lower_bound=4.2))",
        "weight_decay": "momo_adam(0.1, weight_decay=0.1)",
        "adapt": "momo_adam(1.0, 0.9, 0.99, 1e-6, 3.0, 0.1, adapt_lower_bound=True)",
        "adapt_high": "momo_adam(0.01, lower_bound=-5.0, adapt_lower_bound=True)",
        "schedule": "chain(clip_by_global_norm(1.0), momo_adam(linear_schedule(1.0, 0.01, 7)))",
    },
    # The distance grows where gradients agree with the way so far: here they point away from zero.
    "prodigy": {
        "default": "prodigy()",
        "growth": "chain(clip(0.01), add_decayed_weights(1.0), prodigy())",
        "start": "chain(clip(0.1), add_decayed_weights(1.0), prodigy(estim_lr0=1e-2))",
        "betas": "chain(add_decayed_weights(10.0), prodigy(1.0, (0.8, 0.99), beta3=0.9, eps=1e-3, estim_lr0=0.1))",
        "coefficient": "chain(clip(0.01), add_decayed_weights(1.0), prodigy(0.5, estim_lr0=1e-2, estim_lr_coef=2.0))",
        "weight_decay": "chain(clip(0.01), add_decayed_weights(1.0), prodigy(estim_lr0=1e-2, weight_decay=0.1))",
        "safeguard_warmup": "chain(clip(0.01), add_decayed_weights(1.0), prodigy(estim_lr0=1e-2, estim_lr_coef=5.0, safeguard_warmup=True))",
        "schedule": (
            "chain(clip(0.01), add_decayed_weights(1.0),"
            " prodigy(linear_schedule(1.0, 0.1, 7), betas=[0.9, 0.99], estim_lr0=1e-2))"
        ),
    },
}

import { adaptiveGradClip } from './adaptive_grad_clip.ts'
import { addDecayedWeights } from './add_decayed_weights.ts'
import { addNoise } from './add_noise.ts'
import { applyEvery } from './apply_every.ts'
import { applyIfFinite } from './apply_if_finite.ts'
import { centralize } from './centralize.ts'
import { chain } from './chain.ts'
import { clip } from './clip.ts'
import { clipByBlockRms } from './clip_by_block_rms.ts'
import { clipByGlobalNorm } from './clip_by_global_norm.ts'
import { conditionallyMask } from './conditionally_mask.ts'
import { conditionallyTransform } from './conditionally_transform.ts'
import { dadaptAdamw } from './dadapt_adamw.ts'
import { ema } from './ema.ts'
import { flatten } from './flatten.ts'
import type { Entry } from './form/define.ts'
import { freeze } from './freeze.ts'
import { identity } from './identity.ts'
import { keepParamsNonnegative } from './keep_params_nonnegative.ts'
import { lookahead } from './lookahead.ts'
import { MultiSteps } from './MultiSteps.ts'
import { masked } from './masked.ts'
import { mechanize } from './mechanize.ts'
import { momo } from './momo.ts'
import { momoAdam } from './momo_adam.ts'
import { multiTransform } from './multi_transform.ts'
import { namedChain } from './named_chain.ts'
import { normalize } from './normalize.ts'
import { normalizeByUpdateNorm } from './normalize_by_update_norm.ts'
import { partition } from './partition.ts'
import { prodigy } from './prodigy.ts'
import { projectionBox } from './projection_box.ts'
import { projectionHypercube } from './projection_hypercube.ts'
import { projectionL1Ball } from './projection_l1_ball.ts'
import { projectionL1Sphere } from './projection_l1_sphere.ts'
import { projectionL2Ball } from './projection_l2_ball.ts'
import { projectionL2Sphere } from './projection_l2_sphere.ts'
import { projectionLinfBall } from './projection_linf_ball.ts'
import { projectionNonNegative } from './projection_non_negative.ts'
import { projectionSimplex } from './projection_simplex.ts'
import { reduceOnPlateau } from './reduce_on_plateau.ts'
import { sam } from './sam.ts'
import { scale } from './scale.ts'
import { scaleByAcprop } from './scale_by_acprop.ts'
import { scaleByAdadelta } from './scale_by_adadelta.ts'
import { scaleByAdam } from './scale_by_adam.ts'
import { scaleByAdamax } from './scale_by_adamax.ts'
import { scaleByAdan } from './scale_by_adan.ts'
import { scaleByAdemamix } from './scale_by_ademamix.ts'
import { scaleByAdopt } from './scale_by_adopt.ts'
import { scaleByAmsgrad } from './scale_by_amsgrad.ts'
import { scaleByBelief } from './scale_by_belief.ts'
import { scaleByCocob } from './scale_by_cocob.ts'
import { scaleByDistanceOverGradients } from './scale_by_distance_over_gradients.ts'
import { scaleByFactoredRms } from './scale_by_factored_rms.ts'
import { scaleByGalore } from './scale_by_galore.ts'
import { scaleByLbfgs } from './scale_by_lbfgs.ts'
import { scaleByLearningRate } from './scale_by_learning_rate.ts'
import { scaleByLion } from './scale_by_lion.ts'
import { scaleByMadgrad } from './scale_by_madgrad.ts'
import { scaleByMuon } from './scale_by_muon.ts'
import { scaleByNovograd } from './scale_by_novograd.ts'
import { scaleByOptimisticGradient } from './scale_by_optimistic_gradient.ts'
import { scaleByParamBlockNorm } from './scale_by_param_block_norm.ts'
import { scaleByParamBlockRms } from './scale_by_param_block_rms.ts'
import { scaleByPolyak } from './scale_by_polyak.ts'
import { scaleByRadam } from './scale_by_radam.ts'
import { scaleByRms } from './scale_by_rms.ts'
import { scaleByRprop } from './scale_by_rprop.ts'
import { scaleByRss } from './scale_by_rss.ts'
import { scaleBySchedule } from './scale_by_schedule.ts'
import { scaleBySign } from './scale_by_sign.ts'
import { scaleBySimplifiedAdemamix } from './scale_by_simplified_ademamix.ts'
import { scaleBySm3 } from './scale_by_sm3.ts'
import { scaleByStddev } from './scale_by_stddev.ts'
import { scaleByTrustRatio } from './scale_by_trust_ratio.ts'
import { scaleByYogi } from './scale_by_yogi.ts'
import { scheduleFree } from './schedule_free.ts'
import { selectiveTransform } from './selective_transform.ts'
import { setToZero } from './set_to_zero.ts'
import { trace } from './trace.ts'
import { zeroNans } from './zero_nans.ts'

/** Every transformation, by its file's name. */
export const transformations: readonly Entry[] = [
  adaptiveGradClip,
  addDecayedWeights,
  addNoise,
  applyEvery,
  applyIfFinite,
  centralize,
  chain,
  clip,
  clipByBlockRms,
  clipByGlobalNorm,
  conditionallyMask,
  conditionallyTransform,
  dadaptAdamw,
  ema,
  flatten,
  freeze,
  identity,
  keepParamsNonnegative,
  lookahead,
  masked,
  mechanize,
  momo,
  momoAdam,
  MultiSteps,
  multiTransform,
  namedChain,
  normalize,
  normalizeByUpdateNorm,
  partition,
  prodigy,
  projectionBox,
  projectionHypercube,
  projectionL1Ball,
  projectionL1Sphere,
  projectionL2Ball,
  projectionL2Sphere,
  projectionLinfBall,
  projectionNonNegative,
  projectionSimplex,
  reduceOnPlateau,
  sam,
  scale,
  scaleByAcprop,
  scaleByAdadelta,
  scaleByAdam,
  scaleByAdamax,
  scaleByAdan,
  scaleByAdemamix,
  scaleByAdopt,
  scaleByAmsgrad,
  scaleByBelief,
  scaleByCocob,
  scaleByDistanceOverGradients,
  scaleByFactoredRms,
  scaleByGalore,
  scaleByLbfgs,
  scaleByLearningRate,
  scaleByLion,
  scaleByMadgrad,
  scaleByMuon,
  scaleByNovograd,
  scaleByOptimisticGradient,
  scaleByParamBlockNorm,
  scaleByParamBlockRms,
  scaleByPolyak,
  scaleByRadam,
  scaleByRms,
  scaleByRprop,
  scaleByRss,
  scaleBySchedule,
  scaleBySign,
  scaleBySimplifiedAdemamix,
  scaleBySm3,
  scaleByStddev,
  scaleByTrustRatio,
  scaleByYogi,
  scheduleFree,
  selectiveTransform,
  setToZero,
  trace,
  zeroNans,
]

import type { Entry } from '../transformations/form/define.ts'
import { acprop } from './acprop.ts'
import { adabelief } from './adabelief.ts'
import { adadelta } from './adadelta.ts'
import { adafactor } from './adafactor.ts'
import { adagrad } from './adagrad.ts'
import { adam } from './adam.ts'
import { adamax } from './adamax.ts'
import { adamaxw } from './adamaxw.ts'
import { adamw } from './adamw.ts'
import { adan } from './adan.ts'
import { ademamix } from './ademamix.ts'
import { adopt } from './adopt.ts'
import { amsgrad } from './amsgrad.ts'
import { cocob } from './cocob.ts'
import { dog } from './dog.ts'
import { dowg } from './dowg.ts'
import { fromage } from './fromage.ts'
import { galore } from './galore.ts'
import { lamb } from './lamb.ts'
import { lars } from './lars.ts'
import { lbfgs } from './lbfgs.ts'
import { lion } from './lion.ts'
import { madgrad } from './madgrad.ts'
import { muon } from './muon.ts'
import { nadam } from './nadam.ts'
import { nadamw } from './nadamw.ts'
import { noisySgd } from './noisy_sgd.ts'
import { novograd } from './novograd.ts'
import { optimisticAdam } from './optimistic_adam.ts'
import { optimisticAdamV2 } from './optimistic_adam_v2.ts'
import { optimisticGradientDescent } from './optimistic_gradient_descent.ts'
import { polyakSgd } from './polyak_sgd.ts'
import { radam } from './radam.ts'
import { rmsprop } from './rmsprop.ts'
import { rprop } from './rprop.ts'
import { scheduleFreeAdamw } from './schedule_free_adamw.ts'
import { scheduleFreeSgd } from './schedule_free_sgd.ts'
import { sgd } from './sgd.ts'
import { signSgd } from './sign_sgd.ts'
import { signum } from './signum.ts'
import { simplifiedAdemamix } from './simplified_ademamix.ts'
import { sm3 } from './sm3.ts'
import { yogi } from './yogi.ts'

/** Every optimizer, by its file's name. */
export const optimizers: readonly Entry[] = [
  acprop,
  adabelief,
  adadelta,
  adafactor,
  adagrad,
  adam,
  adamax,
  adamaxw,
  adamw,
  adan,
  ademamix,
  adopt,
  amsgrad,
  cocob,
  dog,
  dowg,
  fromage,
  galore,
  lamb,
  lars,
  lbfgs,
  lion,
  madgrad,
  muon,
  nadam,
  nadamw,
  noisySgd,
  novograd,
  optimisticAdam,
  optimisticAdamV2,
  optimisticGradientDescent,
  polyakSgd,
  radam,
  rmsprop,
  rprop,
  scheduleFreeAdamw,
  scheduleFreeSgd,
  sgd,
  signSgd,
  signum,
  simplifiedAdemamix,
  sm3,
  yogi,
]

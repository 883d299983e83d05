import * as tf from "@tensorflow/tfjs";

export type LossSpec = { kind: "cross-entropy" } | { kind: "focal"; alpha: number; gamma: number };

/**
 * Mean loss over the batch, a scalar with its gradient written out.
 * @param logits float32 [batch, classes]
 * @param labels int32 [batch]
 * Focal: α (1 − p)^γ · −log p of the true class (Lin et al., 2017).
 */
export function lossOf(spec: LossSpec, logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  const [batch, classes] = logits.shape;
  const loss = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [z, save] = inputs as [tf.Tensor2D, tf.GradSaveFunc];
    const truth = tf.oneHot(labels, classes).toFloat();
    const logP = tf.logSoftmax(z);
    const logTrue = logP.mul(truth).sum(1, true); // (B, 1)
    const p = logTrue.exp();
    const { value, slope } = terms(spec, p, logTrue);
    save([truth, logP, slope]);
    return {
      value: value.mean().asScalar(),
      // d/dz_j = slope · (truth_j − p_j)
      gradFunc: (dy: tf.Tensor, [truth, logP, slope]: tf.Tensor[]) =>
        truth!.sub(logP!.exp()).mul(slope!).mul(dy.div(batch)),
    };
  });
  return loss(logits) as tf.Scalar;
}

/** Loss and dL/dlog p of the true class, both [batch, 1]. */
function terms(spec: LossSpec, p: tf.Tensor, logP: tf.Tensor): { value: tf.Tensor; slope: tf.Tensor } {
  if (spec.kind === "cross-entropy") return { value: logP.neg(), slope: tf.fill(logP.shape, -1) };
  const { alpha, gamma } = spec;
  const miss = tf.scalar(1).sub(p).relu();
  const weight = miss.pow(gamma);
  const value = weight.mul(logP).mul(-alpha);
  const slope = miss
    .pow(gamma - 1)
    .mul(p)
    .mul(logP)
    .mul(gamma)
    .sub(weight)
    .mul(alpha);
  return { value, slope };
}

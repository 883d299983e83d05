import * as tf from "@tensorflow/tfjs";

/** Most tensors and bytes alive at any allocation while `run` goes on. */
export async function peak(run: () => unknown): Promise<{ tensors: number; bytes: number }> {
  const { numTensors, numBytes } = tf.memory();
  const most = { tensors: 0, bytes: 0 };
  const engine = tf.engine() as any;
  const track = engine.trackTensor;
  engine.trackTensor = function (...args: unknown[]) {
    track.apply(this, args);
    const now = tf.memory();
    most.tensors = Math.max(most.tensors, now.numTensors - numTensors);
    most.bytes = Math.max(most.bytes, now.numBytes - numBytes);
  };
  try {
    await run();
  } finally {
    engine.trackTensor = track;
  }
  return most;
}

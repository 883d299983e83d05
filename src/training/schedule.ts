/** PyTorch's `ReduceLROnPlateau(mode="max", factor=0.1, patience=10)`, its other settings at their defaults. */
export class PlateauSchedule {
  /** All that it goes on from. */
  state: { learningRate: number; best: number; badEpochs: number };

  constructor(
    learningRate: number,
    private readonly factor = 0.1,
    private readonly patience = 10,
  ) {
    this.state = { learningRate, best: -Infinity, badEpochs: 0 };
  }

  get learningRate(): number {
    return this.state.learningRate;
  }

  /** To be called once an epoch with the watched accuracy. */
  update(accuracy: number): void {
    const threshold = 1e-4; // relative
    const { state } = this;
    if (accuracy > state.best * (1 + threshold) || state.best === -Infinity) {
      state.best = accuracy;
      state.badEpochs = 0;
    } else if (++state.badEpochs > this.patience) {
      const next = state.learningRate * this.factor;
      if (state.learningRate - next > 1e-8) state.learningRate = next;
      state.badEpochs = 0;
    }
  }
}

/** Work that is put off until nothing is going on. */

export interface QuietTimeOptions {
  /** Asked when the time is over; what is going on then ends, and is followed by another `ended`. */
  readonly isQuiet: () => boolean;
  readonly work: () => void;
  readonly afterMs: number;
}

export class QuietTime implements Disposable {
  private readonly options: QuietTimeOptions;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: QuietTimeOptions) {
    this.options = options;
  }

  /** Something ended, so that it may be quiet from now on. Cheap: it may be called for every task. */
  readonly ended = (): void => {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      if (this.options.isQuiet()) this.options.work();
    }, this.options.afterMs);
    this.timer.unref();
  };

  [Symbol.dispose](): void {
    if (this.timer !== null) clearTimeout(this.timer);
  }
}

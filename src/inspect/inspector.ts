/** What one kind of file holds, told through the parser that everything else uses. */
export interface Inspector {
  kind: string;
  /** Whether the file is to be read as this kind, by its name. */
  named: RegExp;
  /** Whether it is, by its first bytes (at least 512 where it has them). Without it the name alone decides. */
  begins?: (head: Buffer, bytes: number) => boolean;
  /**
   * One or more facts, each without the file's name.
   * @throws UserError for a file that the parser refuses.
   */
  lines(path: string): Promise<string[]>;
}

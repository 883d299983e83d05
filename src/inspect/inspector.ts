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

/** An error's message without the path that the line already begins with; a longer path, of a file within, stays whole. */
export function withoutPath({ message }: Error, path: string): string {
  const rest = message.startsWith(path) ? /^:? (?:is )?(.*)$/s.exec(message.slice(path.length)) : null;
  return rest ? rest[1]! : message;
}

import { createHash, randomBytes } from 'node:crypto'

/** 32 lower-case hex digits that nobody can guess. */
export const createId = (): string => randomBytes(16).toString('hex')

/** A key of fixed length for parts of any length and content, none of which can pass for another. */
export const hashOf = (...parts: string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex')

import { parse } from 'node:querystring'
import type { ParsedUrlQuery } from 'node:querystring'
import { RefusalError } from '../util/errors.ts'
import { readEncryptOf } from './envelope-body.ts'
import type { Sealed } from './envelope.ts'

// The documented names and no aliases (document 101033); a query is decoded once, whatever parser the host has set.

/** The envelope of a message: signed in the query, sealed in the body. */
export function readPost (url: string, body: Buffer | undefined): Sealed {
  return { ...readSignature(queryOf(url)), encrypt: readEncrypt(body) }
}

/** The envelope of a URL verification: all in the query. */
export function readVerification (url: string): Sealed {
  const query = queryOf(url)
  // Base64 has no blanks: a gateway has decoded the query once more and turned each plus into one. The signature is of what was sent.
  return { ...readSignature(query), encrypt: queryField(query, 'echostr').replaceAll(' ', '+') }
}

function queryOf (url: string): ParsedUrlQuery {
  const start = url.indexOf('?')
  return parse(start === -1 ? '' : url.slice(start + 1), '&', '=', { maxKeys: 0 })
}

const readSignature = (query: ParsedUrlQuery): Omit<Sealed, 'encrypt'> => ({
  signature: queryField(query, 'msg_signature'),
  timestamp: queryField(query, 'timestamp'),
  nonce: queryField(query, 'nonce')
})

function queryField (query: ParsedUrlQuery, name: string): string {
  const value = query[name]
  if (typeof value !== 'string' || value === '') throw new RefusalError('WECOM_ERR_QUERY', `the query has not exactly one ${name}`)
  return value
}

function readEncrypt (body: Buffer | undefined): string {
  const encrypt = body && readEncryptOf(body)
  if (encrypt === undefined || encrypt === '') throw noEnvelope()
  return encrypt
}

const noEnvelope = (): RefusalError =>
  new RefusalError(
    'WECOM_ERR_BODY', 'the body is no JSON object with a string encrypt: XML means that WeCom is set up for an app, not an AI bot'
  )

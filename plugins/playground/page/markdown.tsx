import DOMPurify from 'dompurify'
import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import css from 'highlight.js/lib/languages/css'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import { Marked } from 'marked'
import type { Token, Tokens } from 'marked'
import { useEffect, useRef } from 'preact/hooks'
import { memo } from './memo.ts'
import { say } from './words.ts'

const LANGUAGES = { bash, css, javascript, json, python, sql, typescript, xml }
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language)

/** More would hold up the page, and nobody reads them in a bubble. */
const MAX_CELLS = 2000
const MAX_HIGHLIGHTED = 20_000

const escape = (text: string): string => text.replace(/[&<>"']/g, found => `&#${found.charCodeAt(0)};`)
const unseen = (tag: string, inner: string): string => `<${tag} class="unseen" title="${escape(say('unseen'))}">${inner}</${tag}>`

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: [{
    name: 'mention',
    level: 'inline',
    start: (text: string) => text.indexOf('<@'),
    tokenizer (text: string) {
      const [raw, id] = /^<@([\w.@-]+)>/.exec(text) ?? []
      return raw === undefined ? undefined : { type: 'mention', raw, id }
    },
    renderer: ({ id }: Tokens.Generic) => `<span class="mention">@${escape(String(id))}</span>`
  }],
  renderer: {
    // A model says anything: what it means as HTML is shown as the text that it is.
    html: ({ text }) => unseen('span', escape(text)),
    image: ({ href, text }) => unseen('span', `<a href="${escape(href)}">${escape(text || say('picture'))}</a>`),
    del ({ tokens }) { return unseen('del', this.parser.parseInline(tokens)) },
    blockquote ({ tokens }) { return unseen('blockquote', this.parser.parse(tokens)) },
    checkbox: ({ checked }) => unseen('span', checked ? '☑ ' : '☐ '),
    code: ({ text, lang = '' }) => `<pre><code>${highlight(text, lang.split(/\s/)[0] ?? '')}</code></pre>`
  }
})

function highlight (code: string, language: string): string {
  return code.length <= MAX_HIGHLIGHTED && hljs.getLanguage(language) !== undefined
    ? hljs.highlight(code, { language, ignoreIllegals: true }).value
    : escape(code)
}

const RULES = {
  ALLOWED_TAGS: [
    'a', 'p', 'br', 'strong', 'em', 'del', 'code', 'pre', 'span', 'ul', 'ol', 'li', 'blockquote', 'hr',
    'table', 'thead', 'tbody', 'tr', 'th', 'td', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6'
  ],
  ALLOWED_ATTR: ['href', 'class', 'title', 'start', 'align'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  RETURN_DOM_FRAGMENT: true as const
}

DOMPurify.addHook('afterSanitizeAttributes', node => {
  if (node.tagName !== 'A') return
  node.setAttribute('target', '_blank')
  node.setAttribute('rel', 'noopener noreferrer')
})

/** One block: the blocks above a growing end stay as they are. */
const Block = memo(({ token }: { token: string }) => <BlockOf token={token} />)

function BlockOf ({ token }: { token: string }) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    place.current?.replaceChildren(DOMPurify.sanitize(marked.parser([JSON.parse(token) as Token]), RULES))
  }, [token])
  return <div ref={place} class='block' />
}

export function Markdown ({ text }: { text: string }) {
  const tokens = marked.lexer(text).filter(({ type }) => type !== 'space').flatMap(shorten)
  return <div class='markdown'>{tokens.map((token, index) => <Block key={index} token={JSON.stringify(token)} />)}</div>
}

function shorten (token: Token): Token[] {
  if (token.type !== 'table') return [token]
  const table = token as Tokens.Table
  const rows = Math.ceil(MAX_CELLS / table.header.length)
  if (table.rows.length <= rows) return [table]
  const note = `… ${table.rows.length - rows} ${say('moreRows')}`
  return [{ ...table, raw: '', rows: table.rows.slice(0, rows) }, ...marked.lexer(note)]
}

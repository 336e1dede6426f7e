import t from 'tap'
import { testLangChain } from '../langchain.ts'

await testLangChain(t, import.meta.dirname)

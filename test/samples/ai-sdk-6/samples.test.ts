import t from 'tap'
import { testAiSdk } from '../ai-sdk.ts'

await testAiSdk(t, import.meta.dirname)

import t from 'tap'
import { MEDIA_FAILURES, MediaError } from '../../../../lib/wecom/media/error.ts'

t.test('an error of media has a code, a reason and a sentence', async t => {
  for (const reason of MEDIA_FAILURES) {
    const error = new MediaError(reason, 'because')
    t.type(error, Error)
    t.match(error, { name: 'MediaError', code: 'WECOM_ERR_MEDIA', reason, message: 'the media could not be had: because' })
  }
})

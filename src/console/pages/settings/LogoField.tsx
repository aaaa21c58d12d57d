import { useId } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Company } from '../../api/types.ts'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useChangeCompany, useUploadLogo } from './data.ts'

/** The logo: shown, replaced by a file, or removed. It is saved at once, because a file is not kept as a draft. */
export function LogoField({ company }: { readonly company: Company }): ReactNode {
  const id = useId()
  const upload = useUploadLogo()
  const change = useChangeCompany()
  const problem = upload.error ?? change.error
  const put = async (file: File): Promise<void> => {
    const { assetId } = await upload.mutateAsync(file)
    await change.mutateAsync({ fields: { logoAssetId: assetId }, etag: null })
    notify('The logo is saved')
  }
  const remove = async (): Promise<void> => {
    await change.mutateAsync({ fields: { logoAssetId: null }, etag: null })
    notify('The logo is removed')
  }
  return (
    <div className="field">
      <label htmlFor={id}>Logo</label>
      <div className="row">
        {company.logoUrl !== null && <img className="logo" src={company.logoUrl} alt={`The logo of ${company.name}`} />}
        <input
          id={id}
          type="file"
          accept="image/*"
          aria-describedby={`${id}-hint`}
          onChange={({ target }) => {
            const [file] = target.files ?? []
            if (file !== undefined) inBackground(put(file))
          }}
        />
        {company.logoUrl !== null && (
          <button type="button" className="quiet" onClick={() => inBackground(remove())}>
            Remove the logo
          </button>
        )}
      </div>
      <p id={`${id}-hint`} className="soft">
        A file is saved as soon as it is chosen.
      </p>
      {problem !== null && <Problem problem={problem} />}
    </div>
  )
}

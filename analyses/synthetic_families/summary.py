# ---
# jupyter:
#   title: Commissioner summary
# ---

# %%
from deepvalue_stats import report

page = report.open_page()

# %%
page.banner("Commissioner summary")

# %% [markdown]
# ## What we found

# %%
page.found()

# %%
page.boxes()

# %% [markdown]
# ## How outcomes differed

# %%
page.effects()

# %%
page.frequencies()

# %%
page.predicted()

# %% [markdown]
# ## How sure are we?

# %%
page.sure()

# %%
page.stress()

# %% [markdown]
# ## What this means for your decision

# %%
page.means()

# %% [markdown]
# ## What this report cannot say

# %%
page.cannot_say()

# %% [markdown]
# ## How this report was made

# %%
page.made()

# ---
# jupyter:
#   title: Technical report
# ---

# %%
from deepvalue_stats import report

page = report.open_page()

# %%
page.banner("Technical report")

# %%
page.made()

# %% [markdown]
# ## Summary

# %%
page.found()

# %%
page.effects()

# %% [markdown]
# ## Question and estimand

# %%
page.estimand()

# %% [markdown]
# ## Data, linkage and flow

# %%
page.flow_figure()

# %%
page.flow()

# %%
page.sources()

# %%
page.linkage()

# %%
page.continuity()

# %%
page.problems()

# %%
page.standards()

# %% [markdown]
# ## Who is in the study

# %%
page.participants()

# %% [markdown]
# ### How alike are the two sides?

# %%
page.balance()

# %% [markdown]
# ## What is missing

# %%
page.missing()

# %% [markdown]
# ## Measurement
#
# ### Do the items agree?

# %%
page.reliability()

# %% [markdown]
# ### Can scores still differ at the top?

# %%
page.scores()

# %% [markdown]
# ### Item by item

# %%
page.items()

# %% [markdown]
# ### One thing, or several?

# %%
page.dimensions()

# %% [markdown]
# ### How well is a practitioner's mean known?

# %%
page.practitioners()

# %% [markdown]
# ### How steady is a rating?

# %%
page.steadiness()

# %% [markdown]
# ### Do client and practitioner agree?

# %%
page.raters()

# %% [markdown]
# ### Do groups read the scale alike?

# %%
page.alike()

# %% [markdown]
# ## Main effects

# %% tags=["show-code"]
page.all_effects()

# %%
page.forest()

# %%
page.diagnostics()

# %%
page.counts("random_effects")

# %% [markdown]
# ### In chances

# %%
page.frequencies()

# %% [markdown]
# ### How far practitioners differ

# %%
page.practitioner_effects()

# %% [markdown]
# ## The same client over time
#
# ### Several estimates of one effect

# %%
page.triangulation()

# %% [markdown]
# ### Who changes

# %%
page.panel()

# %% [markdown]
# ### Earlier outcomes and later ratings

# %%
page.dynamics()

# %% [markdown]
# ### When a practitioner leaves

# %%
page.breaks()

# %% [markdown]
# ## How long until the outcome

# %%
page.waiting()

# %% [markdown]
# ## For whom

# %%
page.scales()

# %%
page.interaction()

# %%
page.surface()

# %%
page.gap()

# %%
page.inequality()

# %%
page.attributes()

# %% [markdown]
# ## Below a neutral relationship

# %%
page.below_neutral()

# %% [markdown]
# ## The shape of the difference

# %%
page.shape()

# %% [markdown]
# ## What would change the answer

# %%
page.sensitivity()

# %%
page.sweep()

# %% [markdown]
# ### The same question in other ways

# %%
page.specifications()

# %% [markdown]
# ## Predicted outcome by band

# %%
page.predicted_figure()

# %% [markdown]
# ## How sure are we?

# %%
page.every_check()

# %% [markdown]
# ## What can be said, and what not

# %%
page.means()

# %% [markdown]
# ### This report cannot say

# %%
page.cannot_say()

# %% [markdown]
# ## Disclosure log

# %%
page.disclosure()

# %% [markdown]
# ## Reproduction

# %%
page.command()

# %%
page.manifest()

# %% [markdown]
# ## Appendix: other scales

# %%
page.other_scales()

# %%
page.checklists()

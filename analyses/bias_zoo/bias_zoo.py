# ---
# jupyter:
#   title: Bias zoo
# ---

# %%
from deepvalue_stats import report

zoo = report.open_zoo()

# %%
zoo.banner(
    "Bias zoo",
    "What an evaluation says of services whose truth is known",
)

# %% [markdown]
# Each service below was made up by a computer, so what is true of it is known exactly. One thing
# misleads about it. For each, one such service was written as files, read, linked, fitted and
# judged by this package, and analysed in a hurry as well: every rating whenever it was given,
# nothing adjusted for, every client taken for independent of every other. Then many more were
# drawn, to see how often each says what.
#
# Any of them can be made anew, and its truth read in `truth.json`:
#
# ```
# deepvalue simulate halo --seed 1 --output halo
# ```

# %% [markdown]
# ## All at a glance

# %%
zoo.overview()

# %% [markdown]
# ## The claim is true

# %%
zoo.case("claim_true")

# %% [markdown]
# ## No effect at all

# %%
zoo.case("null")

# %% [markdown]
# ## Friendly practitioners, worse outcomes

# %%
zoo.case("reversed")

# %% [markdown]
# ## A hidden cause

# %%
zoo.case("confounded")

# %% [markdown]
# ## The outcome came first

# %%
zoo.case("reverse_caused")

# %% [markdown]
# ## One person gives both

# %%
zoo.case("halo")

# %% [markdown]
# ## Everybody is satisfied

# %%
zoo.case("ceiling")

# %% [markdown]
# ## Only some stay to be asked

# %%
zoo.case("attrition")

# %% [markdown]
# ## Unequal linkage

# %%
zoo.case("linkage_error")

# %% [markdown]
# ## Policing mixed with support

# %%
zoo.case("policing")

# %% [markdown]
# ## Bad relationships do damage

# %%
zoo.case("damage")

# %% [markdown]
# ## Larger at low confidence, in clients

# %%
zoo.case("additive_only")

# %% [markdown]
# ## Larger at low confidence, in ratios

# %%
zoo.case("ratio_only")

# %% [markdown]
# ## Few practitioners

# %%
zoo.case("few_practitioners")

# %% [markdown]
# ## Practitioners do not differ

# %%
zoo.case("no_practitioner_variance")

# %% [markdown]
# ## A covariate decides

# %%
zoo.case("separation")

# %% [markdown]
# ## Elements alike across areas

# %%
zoo.case("alike")

# %% [markdown]
# ## Elements not alike across areas

# %%
zoo.case("not_alike")

# %% [markdown]
# ## Everyday records

# %%
zoo.case("everyday")

# %% [markdown]
# ## What no method here can see
#
# A cause that nobody measured, a mood that colours rating and outcome alike, and clients who are
# missing because of both: these leave no trace in the records. What protects a reader is the
# wording. Nothing on any page says that a relationship *causes* an outcome, and the E-value tells
# how strong a hidden cause would have to be.

# %%
zoo.hidden("confounded")

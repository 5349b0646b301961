"""The archetypes of creators by activity and by their audience's readiness to pay.

Source: "Creator Lifecycle & Monetization Archetypes", the README and notebook of a public repository over the data set
"dataset-for-kmeans-clustering" (2,600 users), whose two scores it reads as engagement and monetization. Its recipe: both
scores standardised, KMeans with k = 5 and ten starts.

What to know before acting on it: the source calls k = 5 the optimum of the silhouette; that is k = 4. Both numbers are
stable, and the fifth group splits off the hobbyists, which is a matter of use and not of proof.
"""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalogue
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_PERSONAS = PersonaCatalogue(
    # Two scores that differ by a few times at most: a wrong name is nearer here than among followers.
    max_distance=0.2,
    personas=(
        Persona(
            name="Steady Hobbyists",
            description="Average activity, an audience that hardly pays.",
            strategic_value="The general population of the platform: habits rather than revenue.",
            recommendation="Build loops of engagement with daily challenges.",
            profiles=312,
            typical={"engagement_index": 59.95, "monetization_maturity": 19.77},
        ),
        Persona(
            name="Niche Experts",
            description="They post little, and their audience pays readily.",
            strategic_value="High trust at low reach: people who buy what they are told about.",
            recommendation="Pilot high-ticket affiliate products with them, where conversion matters more than reach.",
            profiles=398,
            typical={"engagement_index": 39.27, "monetization_maturity": 65.26},
        ),
        Persona(
            name="The Power Stars",
            description="High activity and the audience that pays most.",
            strategic_value="They carry a large part of the revenue: the ones not to lose.",
            recommendation="Give them a person to talk to, priority support and a place in the large campaigns.",
            profiles=600,
            typical={"engagement_index": 79.62, "monetization_maturity": 85.02},
        ),
        Persona(
            name="Inactive/Casual",
            description="Little activity and an audience that does not pay.",
            strategic_value="Low priority today: neither traffic nor sales.",
            recommendation="Reach them by automated mail with the basics of making content; spend nothing else.",
            profiles=499,
            typical={"engagement_index": 23.92, "monetization_maturity": 24.96},
        ),
        Persona(
            name="Growth Engines",
            description="The highest activity, and an audience that does not pay yet.",
            strategic_value="Massive traffic without revenue: the prime target of a first offer.",
            recommendation="Bring them to the shop and other paid features with a one-time incentive.",
            profiles=791,
            typical={"engagement_index": 89.26, "monetization_maturity": 19.96},
        ),
    ),
)

STUDY = Study(
    name="creator_archetypes",
    question="Which archetypes of creators are there, by activity and by their audience's readiness to pay?",
    published_in="Creator Lifecycle & Monetization Archetypes (public repository over dataset-for-kmeans-clustering)",
    source="creator_activity",
    segmentation=Segmentation(
        features=("engagement_index", "monetization_maturity"),
        scaling=Scaling(scaler="standard"),
        k=5,
        personas=_PERSONAS,
    ),
    recommendations=(
        "First conversion: offer Growth Engines a one-time incentive; they have the traffic and not yet the sales.",
        "Retention: move Power Stars from automated support to a person who knows them.",
        "Affiliate pilots: try new products with Niche Experts first, where trust counts more than reach.",
    ),
)
